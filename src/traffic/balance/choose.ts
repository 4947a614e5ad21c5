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
import { leastConnections } from './least-connections.ts'
import type { BalanceMethod } from './method.ts'
import { ordered } from './ordered.ts'
import { powerOfTwo } from './power-of-two.ts'
import { random } from './random.ts'
import { RankedPool } from './ranked-pool.ts'
import { roundRobin } from './round-robin.ts'
import { sourceHash } from './source-hash.ts'

export const METHODS: Readonly<Record<BalanceMethodName, BalanceMethod>> = {
  ordered,
  'round-robin': roundRobin,
  'least-connections': leastConnections,
  'power-of-two': powerOfTwo,
  'source-hash': sourceHash,
  random,
}

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
  readonly #random: () => number
  readonly #poolByService = new WeakMap<Service, RankedPool>()
  /** For choices that the state of the service alone does not settle. */
  readonly #own: RankedPool

  constructor(nodeWide: NodeWide, states: UpstreamStates, random: () => number = Math.random) {
    this.#nodeWide = nodeWide
    this.#states = states
    this.#random = random
    this.#own = new RankedPool(NO_SERVICE, states, random, CANDIDATES_MAX)
  }

  /**
   * The place in `service.candidates` to dial next, with a place taken at its upstream; NONE or FULL when there is none.
   * `tried` are the attempts of this client that failed; `known` is the place this client had before, or -1 (affinity.ts).
   */
  choose(
    service: Service,
    tried: readonly FailedAttempt[] | null,
    clientHash: number,
    nowMs: MonotonicMs,
    known = -1,
  ): number {
    const pool = this.#currentPool(service, nowMs)
    pool.clientHash = clientHash
    pool.nowMs = nowMs
    if (known !== -1 && this.#isKept(pool, known, tried) && this.#take(service, known)) return known
    if (tried === null || tried.length === 0) {
      if (pool.count === 0) return NONE
      // Who is full is in it, and noticed when it is chosen: looking at all of them would cost more than the choice.
      const place = METHODS[service.balance](pool)
      if (this.#take(service, place)) return place
    }
    return this.#chooseAmongRest(pool, tried)
  }

  /** Without those that were tried and those that are full. */
  #chooseAmongRest(ranked: RankedPool, tried: Tried): number {
    const { service } = ranked
    const pool = this.#own
    pool.adopt(ranked)
    const method = METHODS[service.balance]
    // Another worker may take the last place between the look and the taking; each round is one candidate fewer.
    for (let round = 0; round <= service.candidates.length; round++) {
      const isAnyFull = this.#fill(pool, tried, true)
      if (pool.count === 0) return isAnyFull ? FULL : NONE
      const place = method(pool)
      if (this.#take(service, place)) return place
    }
    return FULL
  }

  #take({ candidates }: Service, place: number): boolean {
    const { upstreamIndex, share } = candidates[place]
    return this.#states.takeUpstreamPlace(upstreamIndex, share.maxConnections)
  }

  /** What there is for a client that has tried nothing. Ranked anew only when a state has changed or a time is over. */
  #currentPool(service: Service, nowMs: MonotonicMs): RankedPool {
    let pool = this.#poolByService.get(service)
    if (pool === undefined) {
      pool = new RankedPool(service, this.#states, this.#random)
      this.#poolByService.set(service, pool)
    }
    // Before the states themselves: a change that comes meanwhile is then seen by the next choice.
    const { changes } = this.#states
    const { failureChanges } = this.#nodeWide
    if (pool.changes === changes && pool.failureChanges === failureChanges && nowMs < pool.untilMs) return pool
    pool.changes = changes
    pool.failureChanges = failureChanges
    pool.nowMs = nowMs
    this.#fill(pool, null, false)
    return pool
  }

  /** The candidates of the best rank; true when one was left out only because its upstream is full. */
  #fill(pool: RankedPool, tried: Tried, withoutFull: boolean): boolean {
    const { candidates } = pool.service
    let best = RANKS
    let isAnyFull = false
    let isWorthWaiting = false
    pool.count = 0
    pool.untilMs = Infinity
    for (let place = 0; place < candidates.length; place++) {
      pool.has[place] = 0
      const candidate = candidates[place]
      const rank = this.#rank(pool, candidate, tried)
      if (rank === UNUSABLE || rank > best) continue
      if (withoutFull && this.#isFull(candidate)) {
        isAnyFull = true
        if (rank < RANK.down && pool.service.queue.max > 0) isWorthWaiting = true
        continue
      }
      if (rank < best) pool.startOver(place)
      best = rank
      pool.add(place)
    }
    if (isWorthWaiting && best >= RANK.down) pool.count = 0
    pool.sumUp()
    return isAnyFull
  }

  #rank(pool: RankedPool, candidate: Candidate, tried: Tried): number {
    const { upstreamIndex, addressIndex, share } = candidate
    if (share.weight === 0 || this.#states.wanted(upstreamIndex) !== WANTED.up) return UNUSABLE
    if (tried !== null && isTried(tried, addressIndex)) return UNUSABLE
    const backup = share.backup ? 1 : 0
    pool.endAt(this.#states.ejectedUntilMs(upstreamIndex))
    if (this.#states.isDown(upstreamIndex, pool.nowMs)) {
      return pool.service.whenAllDown === 'try-all' ? RANK.down + backup : UNUSABLE
    }
    const failedUntilMs = this.#nodeWide.failedUntilMs(addressIndex)
    pool.endAt(failedUntilMs)
    return (failedUntilMs > pool.nowMs ? RANK.failedRecently : RANK.good) + backup
  }

  /**
   * Whether a known client stays where it was: while that is among the best, or closed to new clients only (weight 0,
   * drain), as in HAProxy.
   */
  #isKept(pool: RankedPool, place: number, tried: Tried): boolean {
    const { upstreamIndex, addressIndex, share } = pool.service.candidates[place]
    if (tried !== null && isTried(tried, addressIndex)) return false
    if (pool.has[place] === 1) return true
    const wanted = this.#states.wanted(upstreamIndex)
    const isClosedToNew = wanted === WANTED.drain || (wanted === WANTED.up && share.weight === 0)
    if (!isClosedToNew || this.#states.isDown(upstreamIndex, pool.nowMs)) return false
    return this.#nodeWide.failedUntilMs(addressIndex) <= pool.nowMs
  }

  #isFull({ upstreamIndex, share }: Candidate): boolean {
    return share.maxConnections > 0 && this.#states.upstreamConnections(upstreamIndex) >= share.maxConnections
  }
}

const NO_SERVICE = { candidates: [] as readonly Candidate[] } as Service

type Tried = readonly FailedAttempt[] | null

function isTried(tried: readonly FailedAttempt[], addressIndex: number): boolean {
  for (let i = 0; i < tried.length; i++) if (tried[i].upstreamAddressIndex === addressIndex) return true
  return false
}
