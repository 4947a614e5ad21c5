import { performance } from 'node:perf_hooks'

/** CLOCK_MONOTONIC in milliseconds, the same in every thread; `performance.now()` alone starts at zero in each worker. */
const baseMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()

export function monotonicMs(): number {
  return baseMs + performance.now()
}
