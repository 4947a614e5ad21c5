/** What all workers of this node share and change: the count of open connections, and recent connect failures. */

/** A connection's clock: milliseconds of CLOCK_MONOTONIC, the same in every thread. */
export type MonotonicMs = number

const COUNTERS_BYTES = 64

export class NodeWide {
  readonly #open: Int32Array
  readonly #failureChanges: Int32Array
  readonly #failedUntilMs: Float64Array

  constructor(memory: SharedArrayBuffer) {
    this.#open = new Int32Array(memory, 0, 1)
    this.#failureChanges = new Int32Array(memory, 4, 1)
    this.#failedUntilMs = new Float64Array(memory, COUNTERS_BYTES)
  }

  static bytes(upstreamAddresses: number): number {
    return COUNTERS_BYTES + upstreamAddresses * 8
  }

  /** Takes a place for one connection; false when `connectionsMax` are taken. Never over the maximum, over all workers. */
  takePlace(connectionsMax: number): boolean {
    if (Atomics.add(this.#open, 0, 1) < connectionsMax) return true
    Atomics.sub(this.#open, 0, 1)
    return false
  }

  givePlaceBack(): void {
    Atomics.sub(this.#open, 0, 1)
  }

  get openConnections(): number {
    return Atomics.load(this.#open, 0)
  }

  /** Differs whenever a failure was remembered or forgotten since; a choice ranks anew then. */
  get failureChanges(): number {
    return Atomics.load(this.#failureChanges, 0)
  }

  /** Until when the address is tried last; 0 when it has not failed lately. */
  failedUntilMs(addressIndex: number): MonotonicMs {
    return this.#failedUntilMs[addressIndex]
  }

  rememberFailure(addressIndex: number, untilMs: MonotonicMs): void {
    this.#failedUntilMs[addressIndex] = untilMs
    Atomics.add(this.#failureChanges, 0, 1)
  }

  forgetFailure(addressIndex: number): void {
    this.#failedUntilMs[addressIndex] = 0
    Atomics.add(this.#failureChanges, 0, 1)
  }
}
