/**
 * Bans, the deny list and gross rates in the kernel, where rights allow: a packet that nftables drops costs us nothing.
 * User space refuses the same sources by itself; whatever goes wrong here is said, and tried again later.
 * There is no table before there is somebody to refuse.
 */
import { monotonicMs } from '../../lib/clock.ts'
import { formatNetwork, type Network } from '../../lib/ip.ts'
import type { Tables } from '../../traffic/tables.ts'
import type { Log } from '../log/log.ts'
import { runNft, type RunNft } from '../../kernel/nftables.ts'
import type { Lists } from '../lists/lists.ts'
import type { FirewallConfig } from './firewall-config.ts'
import type { FirewallView } from './firewall-view.ts'
import { listedNetworks } from './listed-networks.ts'
import { TableKeeper } from './table-keeper.ts'
import { type BannedSource, WantedSources } from './wanted-sources.ts'

export interface FirewallOptions {
  readonly config: FirewallConfig
  readonly log: Log
  /** The version before holds the table until it has handed over. */
  readonly hasPredecessor: boolean
  /** For tests. */
  readonly run?: RunNft
  readonly pollMs?: number
}

/** Bans as others know them: how long from now; Infinity is for good. */
export interface BanForTime {
  readonly prefix: Network
  readonly timeoutMs: number
}

export class Firewall {
  readonly #sources: WantedSources
  readonly #keeper: TableKeeper
  #allowed: readonly Network[] = []
  #trustedProxies: readonly Network[] = []
  #lists: Lists['all'] | undefined
  readonly #entriesMax: number
  readonly #isOff: boolean

  constructor({ config, log, hasPredecessor, run = runNft, pollMs }: FirewallOptions) {
    this.#sources = new WantedSources(config)
    this.#entriesMax = config.entriesMax
    this.#isOff = config.mode === 'off'
    this.#keeper = new TableKeeper({ config, log, hasPredecessor, run, sources: this.#sources, pollMs })
  }

  /** Removes what a crash left behind, unless it is adopted. Before the listeners open. */
  async start(): Promise<void> {
    await this.#keeper.start()
  }

  /** With the ports that listeners got. Proxies in front speak for many clients: no rule by source may touch them. */
  useTables({ services }: Tables): void {
    const trustedProxies = services.flatMap(({ acceptProxyFrom }) => acceptProxyFrom)
    const areSame = textOf(trustedProxies) === textOf(this.#trustedProxies)
    this.#trustedProxies = trustedProxies
    // A reload need not go through a long allow list for nothing: nothing else has its turn meanwhile.
    if (!areSame) this.#sources.allow([...this.#allowed, ...this.#trustedProxies])
    this.#keeper.useListeners(services.flatMap(({ listeners }) => listeners))
  }

  setAllowed(networks: readonly Network[]): void {
    this.#allowed = networks
    this.#sources.allow([...networks, ...this.#trustedProxies])
    this.#keeper.wake()
  }

  setDenied(networks: readonly Network[]): void {
    this.#sources.deny(networks)
    this.#keeper.wake()
  }

  /** Allow and deny lists together; of two calls the later one counts, whichever is done first. */
  async useLists({ all }: Pick<Lists, 'all'>): Promise<void> {
    if (this.#isOff || this.#lists === all) return
    this.#lists = all
    const allowed = await listedNetworks(all, 'allow', this.#entriesMax)
    const denied = await listedNetworks(all, 'deny', this.#entriesMax)
    if (this.#lists !== all) return
    if (allowed.leftOut[4] + allowed.leftOut[6] > 0) {
      // Who is allowed may not be dropped: then nobody is, by the list that would not know better.
      this.#keeper.refuse('the allow lists do not fit in protect.firewall.maxEntries')
      return
    }
    this.#keeper.refuse(undefined)
    this.#sources.denyApart(denied.networks, denied.leftOut)
    this.setAllowed(allowed.networks)
  }

  /** These bans and no others. */
  set(bans: Iterable<BanForTime>): void {
    const nowMs = monotonicMs()
    this.#sources.banAll(Array.from(bans, (ban) => sourceOf(ban, nowMs)))
    this.#keeper.wake()
  }

  change({ add = [], remove = [] }: { add?: Iterable<BanForTime>; remove?: Iterable<Network> }): void {
    const nowMs = monotonicMs()
    for (const network of remove) this.#sources.unban(network)
    for (const ban of add) this.#sources.ban(sourceOf(ban, nowMs))
    this.#keeper.wake()
  }

  /** Whether its packets come to nobody. */
  dropsFrom(address: Uint8Array): boolean {
    return this.#keeper.view().state.kind === 'active' && this.#sources.refuses(address, monotonicMs())
  }

  view(): FirewallView {
    return this.#keeper.view()
  }

  /** The next version serves: it takes the table over, which stays as it is meanwhile. `close` need not wait for it. */
  async handOver(): Promise<void> {
    await this.#keeper.handOver()
  }

  /** Takes the table away, or keeps it where the configuration says so. */
  async close(): Promise<void> {
    await this.#keeper.close()
  }
}

function textOf(networks: readonly Network[]): string {
  return networks.map(formatNetwork).join()
}

function sourceOf({ prefix, timeoutMs }: BanForTime, nowMs: number): BannedSource {
  return { network: prefix, untilMs: nowMs + timeoutMs }
}
