/** What a firewall script is made of: everything a person gave, read, canonical and without overlap. */
import { isIPv4 } from 'node:net'
import { formatNetwork, type Network, parseNetwork } from '../../../lib/ip.ts'
import { explainNetwork, isUnspecified, unconnectable } from '../../config/explain-address.ts'
import { coverOf } from '../../shield/cover.ts'
import { FIREWALL_FORMATS, type FirewallFormat } from './formats.ts'

export { FIREWALL_FORMATS, type FirewallFormat }

export interface PortRange {
  readonly first: number
  readonly last: number
}

/** Prefixes such as `192.0.2.0/24`, none inside another. */
export interface Sources {
  readonly ipv4: readonly string[]
  readonly ipv6: readonly string[]
}

export interface FirewallPlan {
  readonly format: FirewallFormat
  /** TCP ports that clients are served on, through our nodes. */
  readonly ports: readonly PortRange[]
  /** SSH or RDP; empty where no admin is named, and never one of `ports`. */
  readonly adminPorts: readonly PortRange[]
  /** Who gets to `ports`: nodes, trusted networks, admins. */
  readonly allowed: Sources
  /** Who gets to `adminPorts`. */
  readonly admins: Sources
  readonly rollbackAfterS: number
}

/** As a person wrote them. */
export interface FirewallWishes {
  readonly format: string
  readonly ports: readonly string[]
  readonly nodes: readonly string[]
  readonly trusted?: readonly string[]
  readonly admins?: readonly string[]
  /** Default: 22, and 3389 on Windows. */
  readonly adminPorts?: readonly string[]
  /** Seconds. */
  readonly rollbackAfterS?: number
}

export const ROLLBACK_AFTER_S_DEFAULT = 120
const ROLLBACK_AFTER_S_MIN = 5
const ROLLBACK_AFTER_S_MAX = 3600
/** A script is read by people; more than this belongs into a list of its own. */
const NETWORKS_MAX = 500
const PORTS_MAX = 100

/** Tells of everything that is wrong at once, a sentence for each. */
export class FirewallError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'FirewallError'
    this.problems = problems
  }
}

/** Throws FirewallError. */
export function makeFirewallPlan(wishes: FirewallWishes): FirewallPlan {
  const problems: string[] = []
  const format = FIREWALL_FORMATS.find((known) => known === wishes.format)
  if (format === undefined) problems.push(`format ${shown(wishes.format)} is none of ${FIREWALL_FORMATS.join(', ')}.`)
  const ports = readPorts('port', wishes.ports, problems)
  const nodes = readNetworks('node', wishes.nodes, problems)
  const trusted = readNetworks('trusted network', wishes.trusted ?? [], problems)
  const admins = readNetworks('admin network', wishes.admins ?? [], problems)
  const adminPortTexts = wishes.adminPorts ?? [format === 'windows' ? '3389' : '22']
  const adminPorts = readPorts('admin port', adminPortTexts, problems)
  const rollbackAfterS = wishes.rollbackAfterS ?? ROLLBACK_AFTER_S_DEFAULT
  const isInRange = rollbackAfterS >= ROLLBACK_AFTER_S_MIN && rollbackAfterS <= ROLLBACK_AFTER_S_MAX
  if (!Number.isInteger(rollbackAfterS) || !isInRange)
    problems.push(`rollback after ${rollbackAfterS} s: expected ${ROLLBACK_AFTER_S_MIN} to ${ROLLBACK_AFTER_S_MAX} s.`)
  if (wishes.ports.length === 0)
    problems.push('There is no port to protect: name one (--port). Upstreams on loopback count for none.')
  if (wishes.nodes.length === 0) problems.push('There is no node: nobody would get through.')
  if (wishes.adminPorts !== undefined && (wishes.admins ?? []).length === 0)
    problems.push('An admin port without an admin network would lock everybody out.')
  if (problems.length > 0 || format === undefined) throw new FirewallError(problems)
  return {
    format,
    ports,
    adminPorts: admins.length === 0 ? [] : withoutPorts(adminPorts, ports),
    allowed: sourcesOf([...nodes, ...trusted, ...admins]),
    admins: sourcesOf(admins),
    rollbackAfterS,
  }
}

function readNetworks(what: string, texts: readonly string[], problems: string[]): Network[] {
  if (texts.length > NETWORKS_MAX) problems.push(`There is more than ${NETWORKS_MAX} times a ${what}.`)
  return texts.slice(0, NETWORKS_MAX).flatMap((text) => {
    const network = parseNetwork(text)
    const problem = network === undefined ? `${explainNetwork(text)}.` : problemOf(network)
    if (problem === undefined) return [network!]
    problems.push(`${what} ${shown(text)} ${problem}`)
    return []
  })
}

function problemOf({ bytes, prefixLength }: Network): string | undefined {
  if (prefixLength === 0) return 'is everybody; then no firewall is needed.'
  if (isUnspecified(bytes)) return 'is nobody; expected an address or network.'
  const refusal = unconnectable(bytes)
  return refusal?.includes('multicast') ? 'is a multicast address; no TCP connection comes from it.' : undefined
}

/** `443` or `8000-8010`; sorted, and joined where they overlap or touch. */
function readPorts(what: string, texts: readonly string[], problems: string[]): PortRange[] {
  if (texts.length > PORTS_MAX) problems.push(`There is more than ${PORTS_MAX} times a ${what}.`)
  const ranges = texts.slice(0, PORTS_MAX).flatMap((text) => {
    const [, firstText, lastText = firstText] = /^([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/.exec(text) ?? []
    const [first, last] = [Number(firstText), Number(lastText)]
    if (first <= last && last <= 65535) return [{ first, last }]
    problems.push(`${what} ${shown(text)}: expected a port from 1 to 65535, or a range such as 8000-8010.`)
    return []
  })
  const joined: PortRange[] = []
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = joined.at(-1)
    if (before === undefined || range.first > before.last + 1) joined.push(range)
    else joined[joined.length - 1] = { first: before.first, last: Math.max(before.last, range.last) }
  }
  return joined
}

/** A port that serves clients is open to nodes, whatever else is there: the rules for services hold. */
function withoutPorts(ranges: readonly PortRange[], taken: readonly PortRange[]): PortRange[] {
  return taken.reduce<readonly PortRange[]>(
    (left, { first, last }) =>
      left.flatMap((range) =>
        [
          { first: range.first, last: Math.min(range.last, first - 1) },
          { first: Math.max(range.first, last + 1), last: range.last },
        ].filter((part) => part.first <= part.last),
      ),
    ranges,
  ) as PortRange[]
}

function sourcesOf(networks: readonly Network[]): Sources {
  const texts = coverOf(networks.map((network) => ({ network }))).map(({ network }) => formatNetwork(network))
  const isFour = (text: string): boolean => isIPv4(text.split('/')[0])
  const sorted = texts.toSorted((one, other) => (one < other ? -1 : 1))
  return { ipv4: sorted.filter(isFour), ipv6: sorted.filter((text) => !isFour(text)) }
}

/** Somebody's text in a sentence of ours: one line, not endless. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}
