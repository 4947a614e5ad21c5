/**
 * Step 2 of 6, after listen, before hello: yes or no from the client's address alone, the cheapest question first, and
 * nothing allocated before the verdict. One object for each worker, used by both engines. A client whose PROXY header is
 * believed is judged again at hello, by the address in it.
 *
 *   judgeAddress        allow list, bans, deny list                        takes nothing
 *   (by the caller)     the ceilings of node and service                   take a place each
 *   takeSourcePlaces    the service's rate, then its address, its prefix   take a place each, for the connection's life
 */
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import type { CloseReason } from '../close-reason.ts'
import { SERVICE, SERVICE_STRIDE } from '../counters.ts'
import type { Counters } from '../counters.ts'
import { NO_PREFIX, PrefixTable } from '../../lib/prefix-table.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { Rule, Service } from '../tables.ts'

/** Anything else that a question returns is the code of the reason for which the client is refused. */
export const ADMITTED = -1

/** Who asks: bytes in network order from `addressAt` on, 4 or 16 by `family`. IPv4-mapped IPv6 has become IPv4. */
export interface Source {
  readonly addressBytes: Uint8Array
  readonly addressAt: number
  readonly family: 4 | 6
}

/** The value of a prefix in the table of bans; where several cover an address, the greatest counts. */
export const BAN_VALUE = { watched: 0, refused: 1 } as const

export class Admission {
  readonly #services: Float64Array
  readonly #bans: PrefixTable
  /** Of the last `judgeAddress`: the allow list names it, and nothing but the ceilings holds for it. */
  isAllowed = false

  constructor(counters: Counters, banMemory: SharedArrayBuffer) {
    this.#services = counters.services
    this.#bans = new PrefixTable(banMemory)
  }

  /** By lists. Takes no place. */
  judgeAddress(service: Service, source: Source, _nowMs: MonotonicMs): number {
    this.isAllowed = false
    return this.#judgeBans(service, source)
  }

  #judgeBans(service: Service, { addressBytes, addressAt, family }: Source): number {
    const ban = this.#bans.greatest(addressBytes, addressAt, family)
    if (ban === NO_PREFIX) return ADMITTED
    return this.broken(service, ban === BAN_VALUE.refused ? 'on' : 'watch', 'refused-ban')
  }

  /** For open connections: would it be refused for a ban? */
  isBanned({ addressBytes, addressAt, family }: Source): boolean {
    return this.#bans.greatest(addressBytes, addressAt, family) === BAN_VALUE.refused
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
