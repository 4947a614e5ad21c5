/**
 * Who is never banned, and why. A ban of one of these would cut off the very traffic we are here for: the upstreams we
 * connect to, the proxies that bring us clients, the operator who could take the ban back.
 */
import { networkInterfaces } from 'node:os'
import { type Network, parseIp } from '../../lib/ip.ts'
import { NO_PREFIX, PrefixTable } from '../../lib/prefix-table.ts'
import type { Tables } from '../../traffic/tables.ts'
import { isSource, lastAddress, overlap, type SourceKey, sourceKey } from './source.ts'

/** What somebody is who is never banned. */
export const IMMUNE = {
  'allow-list': 'on the allow list',
  own: 'an address of this machine',
  upstream: 'the address of an upstream',
  proxy: 'a proxy in front (acceptProxyFrom)',
  admin: 'an address that used the admin endpoint in the last hour',
} as const
export type Immune = keyof typeof IMMUNE

/** The end of a sentence that begins with the prefix. */
export function immuneText(network: Network, immune: Immune): string {
  return immune === 'allow-list' || isSource(network) ? `is ${IMMUNE[immune]}` : `has ${IMMUNE[immune]} in it`
}

/** The list of interfaces is asked for again when it is older than this. */
const OWN_ADDRESSES_FOR_MS = 10_000
const ADMIN_CLIENT_FOR_MS = 3_600_000
/** The one that was here longest ago is forgotten. */
export const ADMIN_CLIENTS_MAX = 64

export class Immunity {
  /** Throws where the machine is out of files. */
  readonly #askOwnAddresses: () => readonly string[]
  #own = new AddressSet([])
  #ownAskedMs = -Infinity
  #allow: PrefixTable | undefined
  #upstreams = new AddressSet([])
  #proxies: readonly Network[] = []
  /** When each was here last, the longest ago first. */
  readonly #adminClients = new Map<string, { readonly network: Network; readonly atMs: number }>()

  constructor(askOwnAddresses: () => readonly string[]) {
    this.#askOwnAddresses = askOwnAddresses
    this.#askAgain()
  }

  useTables({ services, lists }: Tables): void {
    this.#allow = lists?.allow === undefined ? undefined : new PrefixTable(lists.allow)
    this.#upstreams = new AddressSet(
      services.flatMap(({ candidates }) => candidates.map(({ address }) => address.address)),
    )
    // Who believes a header from everywhere has not said who the proxies are.
    this.#proxies = services.flatMap(({ acceptProxyFrom }) => acceptProxyFrom.filter((one) => one.prefixLength > 0))
  }

  /** Somebody used the admin endpoint from there. Loopback is ours anyway. */
  noteAdminClient(address: string, nowMs: number): void {
    const network = hostNetwork(address)
    if (network === undefined) return
    this.#adminClients.delete(address)
    this.#adminClients.set(address, { network, atMs: nowMs })
    for (const oldest of this.#adminClients.keys()) {
      if (this.#adminClients.size <= ADMIN_CLIENTS_MAX) return
      this.#adminClients.delete(oldest)
    }
  }

  /** Undefined where the prefix may be banned. */
  of(network: Network, nowMs: number): Immune | undefined {
    // Addresses of the allow list that are inside of a banned prefix are let in all the same.
    if (this.#isAllowed(network)) return 'allow-list'
    if (this.#ownAt(nowMs).meets(network)) return 'own'
    if (this.#upstreams.meets(network)) return 'upstream'
    if (this.#proxies.some((proxy) => overlap(proxy, network))) return 'proxy'
    for (const { network: client, atMs } of this.#adminClients.values()) {
      if (atMs > nowMs - ADMIN_CLIENT_FOR_MS && overlap(client, network)) return 'admin'
    }
    return undefined
  }

  /** An entry that covers the first and the last address of the prefix covers all of it. */
  #isAllowed(network: Network): boolean {
    const allow = this.#allow
    if (allow === undefined || allow.longest(network.bytes, 0, network.family) === NO_PREFIX) return false
    const covering = new Set(allow.covering(network.bytes))
    return allow.covering(lastAddress(network)).some((entry) => covering.has(entry))
  }

  #askAgain(): void {
    try {
      this.#own = new AddressSet(this.#askOwnAddresses())
    } catch {
      // In the middle of a flood, perhaps: what was known is better than an end of control.
    }
  }

  #ownAt(nowMs: number): AddressSet {
    if (nowMs - this.#ownAskedMs >= OWN_ADDRESSES_FOR_MS) {
      this.#askAgain()
      this.#ownAskedMs = nowMs
    }
    return this.#own
  }
}

/** Single addresses; quick to ask for a source, as floods do. */
class AddressSet {
  readonly #networks: readonly Network[]
  readonly #sources: ReadonlySet<SourceKey>

  constructor(addresses: readonly string[]) {
    this.#networks = addresses.map(hostNetwork).filter((network) => network !== undefined)
    this.#sources = new Set(this.#networks.map(({ bytes, family }) => sourceKey(bytes, family)))
  }

  meets(network: Network): boolean {
    if (isSource(network)) return this.#sources.has(sourceKey(network.bytes, network.family))
    return this.#networks.some((own) => overlap(own, network))
  }
}

function hostNetwork(address: string): Network | undefined {
  const bytes = parseIp(address.replace(/%.*$/, ''))
  return bytes && { family: bytes.length === 4 ? 4 : 6, bytes, prefixLength: bytes.length * 8 }
}

export function addressesOfThisMachine(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? [])
}
