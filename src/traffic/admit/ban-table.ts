/**
 * The bans that workers go by: prefixes with the time at which they end, in one shared prefix table. Control writes it; a
 * ban holds in all workers as soon as `set` returns. One that has ended holds no more and keeps its place until control
 * takes it out.
 */
import type { Network } from '../../lib/ip.ts'
import { NO_PREFIX } from '../../lib/prefix-table.ts'
import { PrefixTableWriter } from '../../lib/prefix-table-writer.ts'
import type { MonotonicMs } from '../node-wide.ts'

/**
 * In the table: seconds of the monotonic clock, which a change of the time of day does not move. A ban that refuses has
 * this on top, so that it is greater than all that only count (`watch`).
 */
const REAL = 0x4000_0000
/** Never ends. */
const FOR_GOOD = REAL - 1

/** What a value of the table comes to. */
export const NO_BAN = 0
export const WATCHED_BAN = 1
export const REAL_BAN = 2

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
  set(network: Network, untilMs: MonotonicMs, isWatched = false): boolean {
    const until = Math.min(FOR_GOOD, Math.max(0, Math.ceil(untilMs / 1000)))
    return this.#writer.set(network, isWatched ? until : until + REAL)
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
    const value = this.#writer.get(network)
    if (value === NO_PREFIX) return undefined
    const until = value & FOR_GOOD
    return until === FOR_GOOD ? Infinity : until * 1000
  }
}

/** A value of the table as one of the three. */
export function banIn(value: number, nowMs: MonotonicMs): number {
  const until = value & FOR_GOOD
  if (until !== FOR_GOOD && until * 1000 <= nowMs) return NO_BAN
  return value >= REAL ? REAL_BAN : WATCHED_BAN
}
