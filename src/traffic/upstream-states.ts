/**
 * What all workers and control know of each upstream and service right now: who is connected, who is down, who takes
 * no new clients. Control writes verdicts, workers write counts; a choice reads both (balance/choose.ts).
 */
import type { CounterShape } from './counters.ts'
import type { MonotonicMs } from './node-wide.ts'

/** What a person wants of an upstream at run time; it outranks what checks found. */
export const WANTED = { up: 0, drain: 1, down: 2 } as const
export type Wanted = keyof typeof WANTED
export const WANTED_NAMES = Object.keys(WANTED) as readonly Wanted[]
/** What active checks found; unknown counts as up. */
export const FOUND = { unknown: 0, up: 1, down: 2 } as const
export type Found = keyof typeof FOUND
export const FOUND_NAMES = Object.keys(FOUND) as readonly Found[]

/** Int32 places of an upstream. */
const UPSTREAM_INT = {
  connections: 0,
  wanted: 1,
  found: 2,
  failuresInRow: 3,
  ejectionsInRow: 4,
  ejections: 5,
  /** How many failures the last ejection was for. */
  ejectedAfter: 6,
} as const
/** Even: what follows it begins at a multiple of 8. */
const UPSTREAM_INTS = 8
/** Float64 places of an upstream. */
const UPSTREAM_TIME = { ejectedUntilMs: 0, upSinceMs: 1, ejectedAtMs: 2 } as const
const UPSTREAM_TIMES = 3
/** Int32 places of a service. */
const SERVICE_INT = { connections: 0, turn: 1, ejectionsHeld: 2 } as const
const SERVICE_INTS = 4

export class UpstreamStates {
  readonly #times: Float64Array
  readonly #upstreams: Int32Array
  readonly #services: Int32Array
  readonly #changes: Int32Array

  constructor(memory: SharedArrayBuffer, shape: CounterShape) {
    const upstreamsAt = shape.upstreams * UPSTREAM_TIMES * 8
    const servicesAt = upstreamsAt + shape.upstreams * UPSTREAM_INTS * 4
    this.#times = new Float64Array(memory, 0, shape.upstreams * UPSTREAM_TIMES)
    this.#upstreams = new Int32Array(memory, upstreamsAt, shape.upstreams * UPSTREAM_INTS)
    this.#services = new Int32Array(memory, servicesAt, shape.services * SERVICE_INTS)
    this.#changes = new Int32Array(memory, servicesAt + shape.services * SERVICE_INTS * 4, 1)
  }

  static bytes(shape: CounterShape): number {
    return shape.upstreams * (UPSTREAM_TIMES * 8 + UPSTREAM_INTS * 4) + (shape.services * SERVICE_INTS + 1) * 4
  }

  /** Differs whenever what decides who can be chosen was written since; a choice ranks anew then. */
  get changes(): number {
    return Atomics.load(this.#changes, 0)
  }

  /** To be called after every write of `wanted`, `found` and `ejectedUntilMs`. */
  #noteChange(): void {
    Atomics.add(this.#changes, 0, 1)
  }

  /** Takes a place for a connection of this upstream; false when `max` (0: none) are taken. Never over it, over all workers. */
  takeUpstreamPlace(upstreamIndex: number, max: number): boolean {
    return takePlace(this.#upstreams, upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.connections, max)
  }

  giveUpstreamPlaceBack(upstreamIndex: number): void {
    Atomics.sub(this.#upstreams, upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.connections, 1)
  }

  /** Open and being connected, over all workers. */
  upstreamConnections(upstreamIndex: number): number {
    // A plain read: choices read hundreds, and only taking a place decides.
    return this.#upstreams[upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.connections]
  }

  takeServicePlace(serviceIndex: number, max: number): boolean {
    return takePlace(this.#services, serviceIndex * SERVICE_INTS + SERVICE_INT.connections, max)
  }

  giveServicePlaceBack(serviceIndex: number): void {
    Atomics.sub(this.#services, serviceIndex * SERVICE_INTS + SERVICE_INT.connections, 1)
  }

  serviceConnections(serviceIndex: number): number {
    return Atomics.load(this.#services, serviceIndex * SERVICE_INTS + SERVICE_INT.connections)
  }

  /** Grows by one with each call, over all workers; wraps around to negative numbers and back. */
  nextTurn(serviceIndex: number): number {
    return Atomics.add(this.#services, serviceIndex * SERVICE_INTS + SERVICE_INT.turn, 1)
  }

  /** For tests of the wrap around. */
  setTurn(serviceIndex: number, turn: number): void {
    Atomics.store(this.#services, serviceIndex * SERVICE_INTS + SERVICE_INT.turn, turn)
  }

  wanted(upstreamIndex: number): number {
    return this.#upstreams[upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.wanted]
  }

  setWanted(upstreamIndex: number, wanted: Wanted): void {
    Atomics.store(this.#upstreams, upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.wanted, WANTED[wanted])
    this.#noteChange()
  }

  found(upstreamIndex: number): number {
    return this.#upstreams[upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.found]
  }

  setFound(upstreamIndex: number, found: Found): void {
    Atomics.store(this.#upstreams, upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.found, FOUND[found])
    this.#noteChange()
  }

  /** Down by checks, or taken out for its failures. */
  isDown(upstreamIndex: number, nowMs: MonotonicMs): boolean {
    return this.found(upstreamIndex) === FOUND.down || this.ejectedUntilMs(upstreamIndex) > nowMs
  }

  ejectedUntilMs(upstreamIndex: number): MonotonicMs {
    return this.#times[upstreamIndex * UPSTREAM_TIMES + UPSTREAM_TIME.ejectedUntilMs]
  }

  /** When the last ejection began; 0 before the first. */
  ejectedAtMs(upstreamIndex: number): MonotonicMs {
    return this.#times[upstreamIndex * UPSTREAM_TIMES + UPSTREAM_TIME.ejectedAtMs]
  }

  /** Takes the upstream out until then, for the `timesInRow`-th time; its failures count from none again. */
  eject(upstreamIndex: number, nowMs: MonotonicMs, untilMs: MonotonicMs, timesInRow = 1): void {
    const at = upstreamIndex * UPSTREAM_INTS
    this.#times[upstreamIndex * UPSTREAM_TIMES + UPSTREAM_TIME.ejectedAtMs] = nowMs
    this.#times[upstreamIndex * UPSTREAM_TIMES + UPSTREAM_TIME.ejectedUntilMs] = untilMs
    Atomics.store(this.#upstreams, at + UPSTREAM_INT.ejectionsInRow, timesInRow)
    Atomics.store(
      this.#upstreams,
      at + UPSTREAM_INT.ejectedAfter,
      Atomics.exchange(this.#upstreams, at + UPSTREAM_INT.failuresInRow, 0),
    )
    // Last: who sees the count grow finds the rest written.
    Atomics.add(this.#upstreams, at + UPSTREAM_INT.ejections, 1)
    this.#noteChange()
  }

  /** A check knows better than failures of some time ago. */
  endEjection(upstreamIndex: number): void {
    this.#times[upstreamIndex * UPSTREAM_TIMES + UPSTREAM_TIME.ejectedUntilMs] = 0
    this.#noteChange()
  }

  /** How often it has been ejected since the daemon runs. */
  ejections(upstreamIndex: number): number {
    return Atomics.load(this.#upstreams, upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.ejections)
  }

  /** As of the last ejection; outlier.ts says how time takes it down again. */
  ejectionsInRow(upstreamIndex: number): number {
    return this.#upstreams[upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.ejectionsInRow]
  }

  ejectedAfterFailures(upstreamIndex: number): number {
    return this.#upstreams[upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.ejectedAfter]
  }

  /** One worker at a time decides about the ejections of a service; false when another one does. */
  holdEjections(serviceIndex: number): boolean {
    return Atomics.compareExchange(this.#services, serviceIndex * SERVICE_INTS + SERVICE_INT.ejectionsHeld, 0, 1) === 0
  }

  releaseEjections(serviceIndex: number): void {
    Atomics.store(this.#services, serviceIndex * SERVICE_INTS + SERVICE_INT.ejectionsHeld, 0)
  }

  /** Since when it is up again, for slow start; 0: since the daemon runs. In the future while it is ejected. */
  upSinceMs(upstreamIndex: number): MonotonicMs {
    const at = upstreamIndex * UPSTREAM_TIMES
    // The end of an ejection is such a moment; nobody has to be there to write it down.
    return Math.max(this.#times[at + UPSTREAM_TIME.upSinceMs], this.#times[at + UPSTREAM_TIME.ejectedUntilMs])
  }

  setUpSince(upstreamIndex: number, atMs: MonotonicMs): void {
    this.#times[upstreamIndex * UPSTREAM_TIMES + UPSTREAM_TIME.upSinceMs] = atMs
  }

  /** Connect failures without a success between them, over all workers. */
  countFailure(upstreamIndex: number): number {
    return Atomics.add(this.#upstreams, upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.failuresInRow, 1) + 1
  }

  failuresInRow(upstreamIndex: number): number {
    return this.#upstreams[upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.failuresInRow]
  }

  forgetFailures(upstreamIndex: number): void {
    const at = upstreamIndex * UPSTREAM_INTS + UPSTREAM_INT.failuresInRow
    // Read first: a write by every connect would have the workers fight for the cache line.
    if (this.#upstreams[at] !== 0) Atomics.store(this.#upstreams, at, 0)
  }
}

/** Adds one unless `max` (0: no limit) is reached. Compare and exchange: not for a moment is there one too many. */
function takePlace(ints: Int32Array, at: number, max: number): boolean {
  if (max === 0) {
    Atomics.add(ints, at, 1)
    return true
  }
  for (let taken = Atomics.load(ints, at); taken < max;) {
    const before = Atomics.compareExchange(ints, at, taken, taken + 1)
    if (before === taken) return true
    taken = before
  }
  return false
}
