/**
 * What a worker asks of lists about an address: allowed, banned, denied? Allow and deny lists come whole with the tables;
 * bans are one table that control changes all the time.
 */
import { NO_PREFIX, PrefixTable } from '../../lib/prefix-table.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { ListMemories } from '../tables.ts'
import { banIn, NO_BAN, REAL_BAN } from './ban-table.ts'

export class AddressLists {
  #memories: ListMemories | undefined
  #allow: PrefixTable | undefined
  #deny: PrefixTable | undefined
  readonly #bans: PrefixTable

  constructor(lists: ListMemories | undefined, bansMemory: SharedArrayBuffer) {
    this.#bans = new PrefixTable(bansMemory)
    this.use(lists)
  }

  /** Tables come often, with each change of a hostname; other lists seldom. */
  use(lists: ListMemories | undefined): void {
    if (lists?.allow !== this.#memories?.allow) this.#allow = tableOf(lists?.allow)
    if (lists?.deny !== this.#memories?.deny) this.#deny = tableOf(lists?.deny)
    this.#memories = lists
  }

  isAllowed(bytes: Uint8Array, at: number, family: 4 | 6): boolean {
    return this.#allow !== undefined && this.#allow.longest(bytes, at, family) !== NO_PREFIX
  }

  /** By any ban that covers the address: a short one of a /24 does not end the long one of an address in it. */
  isBanned(bytes: Uint8Array, at: number, family: 4 | 6, nowMs: MonotonicMs): boolean {
    return this.banOf(bytes, at, family, nowMs) === REAL_BAN
  }

  /** REAL_BAN, WATCHED_BAN or NO_BAN. */
  banOf(bytes: Uint8Array, at: number, family: 4 | 6, nowMs: MonotonicMs): number {
    const value = this.#bans.greatest(bytes, at, family)
    return value === NO_PREFIX ? NO_BAN : banIn(value, nowMs)
  }

  isDenied(bytes: Uint8Array, at: number, family: 4 | 6): boolean {
    return this.#deny !== undefined && this.#deny.longest(bytes, at, family) !== NO_PREFIX
  }
}

function tableOf(memory: SharedArrayBuffer | undefined): PrefixTable | undefined {
  return memory === undefined ? undefined : new PrefixTable(memory)
}
