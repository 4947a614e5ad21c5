/**
 * Step 2 of 6, after listen, before hello: yes or no from the client's address alone, the cheapest question first, and
 * nothing allocated before the verdict. One object for each worker, used by both engines. A client whose PROXY header is
 * believed is judged again at hello, by the address in it.
 *
 *   judgeAddress        allow list, bans, deny list                        takes nothing
 *   (by the caller)     the ceilings of node and service                   take a place each
 *   takeSourcePlaces    the service's rate, then its address, its prefix   take a place each, for the connection's life
 */
import { AddressLists } from './address-lists.ts'
import { REAL_BAN, WATCHED_BAN } from './ban-table.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import type { CloseReason } from '../close-reason.ts'
import { SERVICE, SERVICE_STRIDE } from '../counters.ts'
import type { Counters } from '../counters.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { ListMemories, Rule, Service } from '../tables.ts'

/** Anything else that a question returns is the code of the reason for which the client is refused. */
export const ADMITTED = -1

/** Who asks: bytes in network order from `addressAt` on, 4 or 16 by `family`. IPv4-mapped IPv6 has become IPv4. */
export interface Source {
  readonly addressBytes: Uint8Array
  readonly addressAt: number
  readonly family: 4 | 6
}

const REFUSED_BAN = CLOSE_REASON_CODES['refused-ban']
const REFUSED_DENY_LIST = CLOSE_REASON_CODES['refused-deny-list']

export class Admission {
  readonly #services: Float64Array
  readonly #lists: AddressLists
  /** Of the last `judgeAddress`: the allow list names it, and nothing but the ceilings holds for it. */
  isAllowed = false

  constructor(counters: Counters, lists: ListMemories | undefined, bansMemory: SharedArrayBuffer) {
    this.#services = counters.services
    this.#lists = new AddressLists(lists, bansMemory)
  }

  /** With each new tables. */
  useLists(lists: ListMemories | undefined): void {
    this.#lists.use(lists)
  }

  /** By lists. Takes no place. */
  judgeAddress(service: Service, { addressBytes, addressAt, family }: Source, nowMs: MonotonicMs): number {
    const lists = this.#lists
    this.isAllowed = lists.isAllowed(addressBytes, addressAt, family)
    if (this.isAllowed) return ADMITTED
    const ban = lists.banOf(addressBytes, addressAt, family, nowMs)
    if (ban === REAL_BAN) return REFUSED_BAN
    if (ban === WATCHED_BAN) this.broken(service, 'watch', 'refused-ban')
    return lists.isDenied(addressBytes, addressAt, family) ? REFUSED_DENY_LIST : ADMITTED
  }

  /** For open connections: would it be refused for a ban? Keeps `isAllowed` as it is. */
  isBanned({ addressBytes, addressAt, family }: Source, nowMs: MonotonicMs): boolean {
    const lists = this.#lists
    if (lists.banOf(addressBytes, addressAt, family, nowMs) !== REAL_BAN) return false
    return !lists.isAllowed(addressBytes, addressAt, family)
  }

  /** By rates and counts. What a refusal has taken so far is given back before it returns. */
  takeSourcePlaces(_service: Service, _source: Source, _nowMs: MonotonicMs): number {
    return ADMITTED
  }

  /** What a rule that is broken comes to: a refusal, or a count of what would have been one. */
  protected broken(service: Service, rule: Rule, reason: CloseReason): number {
    const code = CLOSE_REASON_CODES[reason]
    if (rule === 'on') return code
    this.#services[service.index * SERVICE_STRIDE + SERVICE.watched + code] += 1
    return ADMITTED
  }
}
