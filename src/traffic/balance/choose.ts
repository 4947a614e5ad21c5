/**
 * Step 4 of 6, after hello, before dial: which candidate next, and a place at its upstream. Candidates are ranked first,
 * then the service's balance method picks among the best rank. Used by both engines.
 *
 *   rank 0  primary          rank 2  primary that failed a moment ago      rank 4  primary that is down
 *   rank 1  backup           rank 3  backup that failed a moment ago       rank 5  backup that is down
 *
 * Ranks 4 and 5 are tried only with `whenAllDown: try-all`. Never used: what was tried for this client, what an operator
 * set to drain or down, weight 0, and an upstream whose maxConnections are taken.
 */
import type { FailedAttempt } from '../log-ring.ts'
import type { MonotonicMs, NodeWide } from '../node-wide.ts'
import { CANDIDATES_MAX } from '../tables.ts'
import type { BalanceMethodName, Candidate, Service } from '../tables.ts'
import { WANTED } from '../upstream-states.ts'
import type { UpstreamStates } from '../upstream-states.ts'
import { leastConnections } from './least-connections.ts'
import type { BalanceMethod, Pool } from './method.ts'
import { ordered } from './ordered.ts'
import { powerOfTwo } from './power-of-two.ts'
import { random } from './random.ts'
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
    return this.#chooseAmongRest(pool, tried, clientHash)
  }

  /** Without those that were tried and those that are full. */
  #chooseAmongRest({ service, nowMs, weights, upstreams }: RankedPool, tried: Tried, clientHash: number): number {
    const pool = this.#own
    pool.service = service
    pool.weights = weights
    pool.upstreams = upstreams
    pool.clientHash = clientHash
    pool.nowMs = nowMs
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
    pool.count = 0
    pool.untilMs = Infinity
    for (let place = 0; place < candidates.length; place++) {
      pool.has[place] = 0
      const candidate = candidates[place]
      const rank = this.#rank(pool, candidate, tried)
      if (rank === UNUSABLE || rank > best) continue
      if (withoutFull && this.#isFull(candidate)) {
        isAnyFull = true
        continue
      }
      if (rank < best) startOver(pool, place)
      best = rank
      pool.places[pool.count++] = place
      pool.has[place] = 1
    }
    sumUp(pool)
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

type Tried = readonly FailedAttempt[] | null

/** A pool, and until when its ranks hold. */
class RankedPool implements Pool {
  service: Service
  readonly places: Int32Array
  count = 0
  readonly sums: Float64Array
  readonly has: Uint8Array
  weights: Float64Array
  upstreams: Int32Array
  readonly states: UpstreamStates
  clientHash = 0
  nowMs = 0
  readonly random: () => number
  /** As they were when it was filled: UpstreamStates.changes and NodeWide.failureChanges. */
  changes = NaN
  failureChanges = NaN
  /** The next time at which a failure or an ejection is over. */
  untilMs = 0

  constructor(service: Service, states: UpstreamStates, random: () => number, places = service.candidates.length) {
    this.service = service
    this.places = new Int32Array(places)
    this.sums = new Float64Array(places)
    this.has = new Uint8Array(places)
    this.weights = Float64Array.from(service.candidates, ({ share }) => share.weight)
    this.upstreams = Int32Array.from(service.candidates, ({ upstreamIndex }) => upstreamIndex)
    this.states = states
    this.random = random
  }

  endAt(atMs: MonotonicMs): void {
    if (atMs > this.nowMs && atMs < this.untilMs) this.untilMs = atMs
  }
}

const NO_SERVICE = { candidates: [] as readonly Candidate[] } as Service

/** A better rank was found at `place`: those found before are out. */
function startOver(pool: RankedPool, place: number): void {
  pool.count = 0
  pool.has.fill(0, 0, place)
}

function sumUp({ places, sums, count, weights }: RankedPool): void {
  let sum = 0
  for (let i = 0; i < count; i++) {
    sum += weights[places[i]]
    sums[i] = sum
  }
}

function isTried(tried: readonly FailedAttempt[], addressIndex: number): boolean {
  for (let i = 0; i < tried.length; i++) if (tried[i].upstreamAddressIndex === addressIndex) return true
  return false
}
