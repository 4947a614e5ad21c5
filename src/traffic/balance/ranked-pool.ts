/** The pool that choose.ts fills, and until when its ranks hold. */
import type { MonotonicMs } from '../node-wide.ts'
import type { Candidate, Service } from '../tables.ts'
import type { UpstreamStates } from '../upstream-states.ts'
import type { Pool } from './method.ts'

export class RankedPool implements Pool {
  service: Service
  readonly places: Int32Array
  count = 0
  readonly sums: Float64Array
  readonly has: Uint8Array
  weights: Float64Array
  upstreams: Int32Array
  upstreamWeights: Float64Array
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
    this.upstreamWeights = upstreamWeights(service.candidates)
    this.states = states
    this.random = random
  }

  endAt(atMs: MonotonicMs): void {
    if (atMs > this.nowMs && atMs < this.untilMs) this.untilMs = atMs
  }

  add(place: number): void {
    this.places[this.count++] = place
    this.has[place] = 1
  }

  /** A better rank was found at `place`: those found before are out. */
  startOver(place: number): void {
    this.count = 0
    this.has.fill(0, 0, place)
  }

  /** Once all are added. */
  sumUp(): void {
    let sum = 0
    for (let i = 0; i < this.count; i++) {
      sum += this.weights[this.places[i]]
      this.sums[i] = sum
    }
  }

  /** For another choice among the candidates of the same service. */
  adopt(other: RankedPool): void {
    this.service = other.service
    this.weights = other.weights
    this.upstreams = other.upstreams
    this.upstreamWeights = other.upstreamWeights
    this.clientHash = other.clientHash
    this.nowMs = other.nowMs
  }
}

function upstreamWeights(candidates: readonly Candidate[]): Float64Array {
  const sums = new Map<number, number>()
  for (const { upstreamIndex, share } of candidates) {
    sums.set(upstreamIndex, (sums.get(upstreamIndex) ?? 0) + share.weight)
  }
  return Float64Array.from(candidates, ({ upstreamIndex }) => sums.get(upstreamIndex) ?? 0)
}
