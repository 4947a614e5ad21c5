/**
 * A rate with a burst, as one number for each source: the time at which its bucket would be full again [GCRA, ITU-T
 * I.371]. It needs no timer, and a source that has rested long enough is the same as one that was never seen.
 */
import type { MonotonicMs } from '../node-wide.ts'

export interface RateLimit {
  /** Between two connections of a source that keeps to its rate. */
  readonly intervalMs: number
  /** How far the full time may lie ahead for one more connection: those of a burst but one. */
  readonly aheadMsMax: number
}

/**
 * The sum of many intervals is off by rounding, and the last connection of a burst must not be lost to that: each may
 * come so much too early. In any time t a source gets at most `burst + rate × (t + 10 µs)` connections.
 */
export const EARLY_MS_MAX = 0.01

export function rateLimit(count: number, perMs: number, burst: number): RateLimit {
  const intervalMs = perMs / count
  return { intervalMs, aheadMsMax: (burst - 1) * intervalMs + EARLY_MS_MAX }
}

export function isWithinRate(fullAtMs: MonotonicMs, limit: RateLimit, nowMs: MonotonicMs): boolean {
  return fullAtMs - nowMs <= limit.aheadMsMax
}

/** The new full time after one more connection. */
export function spend(fullAtMs: MonotonicMs, limit: RateLimit, nowMs: MonotonicMs): MonotonicMs {
  return (fullAtMs > nowMs ? fullAtMs : nowMs) + limit.intervalMs
}
