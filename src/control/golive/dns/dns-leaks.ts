/**
 * Records that lead past us to an upstream: who looks for it looks there first. A record with an upstream's own
 * address gives it away; one in the same network tells where to search.
 */
import { type Network, networkContains, parseIp } from '../../../lib/ip.ts'
import { firstBits } from '../../shield/cover.ts'
import type { Answer, DnsAddress, DnsQueries } from './dns-queries.ts'
import { parseSpf } from './spf.ts'

export interface DnsLeak {
  /** The name that was asked for, and by which kind of record: `mail.example.com`, `MX`. */
  readonly name: string
  readonly type: 'A' | 'AAAA' | 'MX' | 'SPF' | 'TXT'
  /** The address or network that stands there. */
  readonly found: string
  readonly upstream: string
  /** `address`: the upstream's own. `network`: its neighbourhood, /24 or /48. */
  readonly closeness: 'address' | 'network'
}

export interface LeakSearch {
  readonly leaks: readonly DnsLeak[]
  /** Names that were looked at. */
  readonly looked: readonly string[]
  /** What could not be looked at, and why: a search with these proves nothing. */
  readonly problems: readonly string[]
}

/** Names that people choose, and attackers try first. */
export const COMMON_SUBDOMAINS = [
  'www',
  'mail',
  'smtp',
  'webmail',
  'ftp',
  'ssh',
  'vpn',
  'direct',
  'server',
  'origin',
  'dev',
  'staging',
  'test',
  'api',
  'admin',
  'cpanel',
] as const

/** Lookups of SPF records in each other end there [RFC 7208 4.6.4]. */
const SPF_INCLUDES_MAX = 10

export async function searchLeaks(
  queries: DnsQueries,
  domain: string,
  upstreams: readonly string[],
  subdomains: readonly string[],
  /** The service's own: everybody may know them. */
  ours: readonly string[] = [],
): Promise<LeakSearch> {
  const search = new Search(queries, upstreams, ours)
  const zones = zonesOf(domain)
  // What is usual below www.example.com is below example.com.
  const above = domain.startsWith('www.') && zones.length > 1 ? zones.slice(1) : zones
  const common = above.flatMap((zone) => COMMON_SUBDOMAINS.map((label) => `${label}.${zone}`))
  const names = [...new Set([...subdomains, ...zones, ...common])]
  await Promise.all([
    ...zones.flatMap((zone) => [search.lookAtMail(zone, zone, 'MX'), search.lookAtTexts(zone)]),
    ...names.map((name) => search.lookAtName(name, name)),
  ])
  return {
    leaks: search.leaks.toSorted((a, b) => (a.closeness === b.closeness ? 0 : a.closeness === 'address' ? -1 : 1)),
    looked: names,
    problems: [...new Set(search.problems)],
  }
}

/** The domain and the one above it, as mail and SPF mostly belong to that: `shop.example.com`, `example.com`. */
function zonesOf(domain: string): string[] {
  const parent = domain.slice(domain.indexOf('.') + 1)
  return parent.includes('.') ? [domain, parent] : [domain]
}

class Search {
  readonly leaks: DnsLeak[] = []
  readonly problems: string[] = []
  readonly #queries: DnsQueries
  readonly #upstreams: readonly { readonly address: string; readonly bytes: Uint8Array; readonly around: Network }[]
  readonly #ours: readonly string[]
  readonly #known = new Set<string>()
  #includesLeft = SPF_INCLUDES_MAX

  constructor(queries: DnsQueries, upstreams: readonly string[], ours: readonly string[]) {
    this.#queries = queries
    this.#ours = ours
    this.#upstreams = upstreams.map((address) => ({
      address,
      bytes: parseIp(address)!,
      around: neighbourhood(address),
    }))
  }

  /** `name` is what stands in the records of `of`. */
  async lookAtName(name: string, of: string, type?: 'MX' | 'SPF'): Promise<void> {
    const answer = await this.#queries.addresses(name)
    for (const { address } of this.#recordsOf(name, answer)) {
      this.#compare(of, type ?? (address.includes(':') ? 'AAAA' : 'A'), address)
    }
  }

  async lookAtMail(domain: string, of: string, type: 'MX' | 'SPF'): Promise<void> {
    const hosts = this.#recordsOf(`MX of ${domain}`, await this.#queries.mailServers(domain))
    await Promise.all(hosts.map((host) => this.lookAtName(host, of, type)))
  }

  /** SPF, and whatever else has an address in it letter by letter. */
  async lookAtTexts(domain: string): Promise<void> {
    const texts = this.#recordsOf(`TXT of ${domain}`, await this.#queries.texts(domain))
    for (const text of texts) {
      if (parseSpf(text) !== undefined) continue
      for (const word of text.split(/[^0-9a-fA-F:.]+/))
        if (parseIp(word) !== undefined) this.#compare(domain, 'TXT', word)
    }
    await this.#lookAtSpf(domain, domain, texts)
  }

  async #lookAtSpf(domain: string, of: string, texts: readonly string[]): Promise<void> {
    for (const text of texts) {
      const terms = parseSpf(text)
      if (terms === undefined) continue
      for (const { text, network } of terms.networks) this.#compareNetwork(of, text, network)
      await Promise.all([
        ...terms.hosts.map((host) => this.lookAtName(host || domain, of, 'SPF')),
        ...terms.mailOf.map((host) => this.lookAtMail(host || domain, of, 'SPF')),
        ...terms.includes.map((name) => this.#include(name, of)),
      ])
    }
  }

  async #include(name: string, of: string): Promise<void> {
    if (this.#includesLeft-- <= 0) {
      this.problems.push(`SPF of ${of}: more than ${SPF_INCLUDES_MAX} records in each other`)
      return
    }
    await this.#lookAtSpf(name, of, this.#recordsOf(`TXT of ${name}`, await this.#queries.texts(name)))
  }

  #recordsOf<Item>(what: string, { records, problem }: Answer<Item>): readonly Item[] {
    if (problem !== undefined) this.problems.push(`${what}: ${problem}`)
    return records
  }

  #compare(name: string, type: DnsLeak['type'], address: DnsAddress['address']): void {
    if (this.#ours.includes(address)) return
    const bytes = parseIp(address)!
    for (const upstream of this.#upstreams) {
      if (upstream.bytes.length !== bytes.length) continue
      if (Buffer.compare(upstream.bytes, bytes) === 0) this.#add(name, type, address, upstream.address, 'address')
      else if (networkContains(upstream.around, bytes, 0)) this.#add(name, type, address, upstream.address, 'network')
    }
  }

  #compareNetwork(name: string, text: string, network: Network): void {
    for (const { address, bytes } of this.#upstreams) {
      const isInside = (network.family === 4) === (bytes.length === 4) && networkContains(network, bytes, 0)
      const isWhole = network.prefixLength === bytes.length * 8
      if (isInside) this.#add(name, 'SPF', text, address, isWhole ? 'address' : 'network')
    }
  }

  #add(name: string, type: DnsLeak['type'], found: string, upstream: string, closeness: DnsLeak['closeness']): void {
    const key = [name, type, found, upstream].join(' ')
    if (this.#known.has(key)) return
    this.#known.add(key)
    this.leaks.push({ name, type, found, upstream, closeness })
  }
}

/** What an attacker would search when he knows one address: the /24, or the /48 of a site. */
export function neighbourhood(address: string): Network {
  const bytes = parseIp(address)!
  const prefixLength = bytes.length === 4 ? 24 : 48
  return { family: bytes.length === 4 ? 4 : 6, bytes: firstBits(bytes, prefixLength), prefixLength }
}
