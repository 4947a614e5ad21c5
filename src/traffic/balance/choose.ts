/**
 * Step 4 of 6, after hello, before dial: which candidate next, and a place at its upstream. Candidates are ranked first,
 * then the service's balance method picks among the best rank. Used by both engines.
 *
 *   rank 0  primary          rank 2  primary that failed a moment ago      rank 4  primary that is down
 *   rank 1  backup           rank 3  backup that failed a moment ago       rank 5  backup that is down
 *
 * Ranks 4 and 5 are tried only with `whenAllDown: try-all`, and where clients can wait in a queue, not while an upstream
 * that is up is merely full. Never used: what was tried for this client, what an operator
 * set to drain or down, weight 0, and an upstream whose maxConnections are taken.
 */
import type { FailedAttempt } from '../log-ring.ts'
import type { MonotonicMs, NodeWide } from '../node-wide.ts'
import { CANDIDATES_MAX } from '../tables.ts'
import type { BalanceMethodName, Candidate, Service } from '../tables.ts'
import { WANTED } from '../upstream-states.ts'
import type { UpstreamStates } from '../upstream-states.ts'
import type { BalanceMethod, Pool } from './method.ts'
import { ordered } from './ordered.ts'

export const METHODS: Readonly<Record<BalanceMethodName, BalanceMethod>> = { ordered }

/** Nothing is left to try. */
export const NONE = -1
/** Something could be used if its maxConnections were not taken. */
export const FULL = -2

const UNUSABLE = -1
const RANK = { good: 0, failedRecently: 2, down: 4 } as const
const RANKS = 6

export class Chooser {
  readonly #nodeWide: NodeWide
  readonly #states: UpstreamStates
  readonly #pool: Pool

  constructor(nodeWide: NodeWide, states: UpstreamStates, random: () => number = Math.random) {
    this.#nodeWide = nodeWide
    this.#states = states
    this.#pool = {
      service: NO_SERVICE,
      places: new Int32Array(CANDIDATES_MAX),
      count: 0,
      has: new Uint8Array(CANDIDATES_MAX),
      states,
      clientHash: 0,
      nowMs: 0,
      random,
    }
  }

  /**
   * The place in `service.candidates` to dial next, with a place taken at its upstream; NONE or FULL when there is none.
   * `tried` are the attempts of this client that failed.
   */
  choose(service: Service, tried: readonly FailedAttempt[] | null, clientHash: number, nowMs: MonotonicMs): number {
    const pool = this.#pool
    pool.service = service
    pool.clientHash = clientHash
    pool.nowMs = nowMs
    const method = METHODS[service.balance]
    // Another worker may take the last place between the look and the taking; each round is one candidate fewer.
    for (let round = 0; round <= service.candidates.length; round++) {
      const isAnyFull = this.#fillPool(tried)
      if (pool.count === 0) return isAnyFull ? FULL : NONE
      const place = method(pool)
      const { upstreamIndex, share } = service.candidates[place]
      if (this.#states.takeUpstreamPlace(upstreamIndex, share.maxConnections)) return place
    }
    return FULL
  }

  /** The candidates of the best rank; true when one was left out only because its upstream is full. */
  #fillPool(tried: readonly FailedAttempt[] | null): boolean {
    const pool = this.#pool
    const { candidates } = pool.service
    let best = RANKS
    let isAnyFull = false
    let isWorthWaiting = false
    pool.count = 0
    for (let place = 0; place < candidates.length; place++) {
      pool.has[place] = 0
      const candidate = candidates[place]
      const rank = this.#rank(candidate, tried)
      if (rank === UNUSABLE || rank > best) continue
      if (this.#isFull(candidate)) {
        isAnyFull = true
        if (rank < RANK.down && pool.service.queue.max > 0) isWorthWaiting = true
        continue
      }
      if (rank < best) this.#startOver(place)
      best = rank
      pool.places[pool.count++] = place
      pool.has[place] = 1
    }
    if (isWorthWaiting && best >= RANK.down) pool.count = 0
    return isAnyFull
  }

  /** A better rank was found at `place`: those found before are out. */
  #startOver(place: number): void {
    this.#pool.count = 0
    this.#pool.has.fill(0, 0, place)
  }

  #rank(candidate: Candidate, tried: readonly FailedAttempt[] | null): number {
    const { upstreamIndex, addressIndex, share } = candidate
    const { service, nowMs } = this.#pool
    if (share.weight === 0 || this.#states.wanted(upstreamIndex) !== WANTED.up) return UNUSABLE
    if (tried !== null && isTried(tried, addressIndex)) return UNUSABLE
    const backup = share.backup ? 1 : 0
    if (this.#states.isDown(upstreamIndex, nowMs)) {
      return service.whenAllDown === 'try-all' ? RANK.down + backup : UNUSABLE
    }
    return (this.#nodeWide.failedUntilMs(addressIndex) > nowMs ? RANK.failedRecently : RANK.good) + backup
  }

  #isFull({ upstreamIndex, share }: Candidate): boolean {
    return share.maxConnections > 0 && this.#states.upstreamConnections(upstreamIndex) >= share.maxConnections
  }
}

const NO_SERVICE = { candidates: [] as readonly Candidate[] } as Service

function isTried(tried: readonly FailedAttempt[], addressIndex: number): boolean {
  for (let i = 0; i < tried.length; i++) if (tried[i].upstreamAddressIndex === addressIndex) return true
  return false
}
