/**
 * The bans that workers go by: prefixes with the time at which they end, in one shared prefix table. Control writes it; a
 * ban holds in all workers as soon as `set` returns. One that has ended holds no more and keeps its place until control
 * takes it out.
 */
import type { Network } from '../../lib/ip.ts'
import { NO_PREFIX } from '../../lib/prefix-table.ts'
import { PrefixTableWriter } from '../../lib/prefix-table-writer.ts'
import type { MonotonicMs } from '../node-wide.ts'

/** In the table: seconds of the monotonic clock, which a change of the time of day does not move; this one never ends. */
const FOR_GOOD = 0x7fff_ffff

export class BanTable {
  readonly #writer: PrefixTableWriter

  /** Room for so many bans of each IP version. */
  constructor(capacity: number) {
    this.#writer = new PrefixTableWriter({ v4: capacity, v6: capacity })
  }

  /** For workers (AddressLists). */
  get memory(): SharedArrayBuffer {
    return this.#writer.memory
  }

  /** Those that have ended and are not taken out are among them. */
  get count(): number {
    return this.#writer.count
  }

  /** Bans the network, or gives its ban another end; Infinity is for good. False when the table is full. */
  set(network: Network, untilMs: MonotonicMs): boolean {
    return this.#writer.set(network, Math.min(FOR_GOOD, Math.max(0, Math.ceil(untilMs / 1000))))
  }

  /** Many at once; answers how many found room. */
  setAll(bans: Iterable<{ readonly network: Network; readonly untilMs: MonotonicMs }>): number {
    let taken = 0
    for (const { network, untilMs } of bans) if (this.set(network, untilMs)) taken++
    return taken
  }

  /** False when it was not banned. */
  delete(network: Network): boolean {
    return this.#writer.delete(network)
  }

  /** How many of them were banned. */
  deleteAll(networks: Iterable<Network>): number {
    let deleted = 0
    for (const network of networks) if (this.delete(network)) deleted++
    return deleted
  }

  /** When the ban of exactly this network ends; undefined without one. */
  untilMs(network: Network): MonotonicMs | undefined {
    const until = this.#writer.get(network)
    if (until === NO_PREFIX) return undefined
    return until === FOR_GOOD ? Infinity : until * 1000
  }
}

/** `until` as the table has it. */
export function hasBanEnded(until: number, nowMs: MonotonicMs): boolean {
  return until !== FOR_GOOD && until * 1000 <= nowMs
}
