import { performance } from 'node:perf_hooks'

/** CLOCK_MONOTONIC in milliseconds, the same in every thread; `performance.now()` alone starts at zero in each worker. */
const baseMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()

const wallMs = Date.now() - performance.now()

/** Milliseconds since 1970, by the wall clock as it was when this thread began: it goes on steadily, whoever sets the clock. */
export function steadyMs(): number {
  return wallMs + performance.now()
}

export function monotonicMs(): number {
  return baseMs + performance.now()
}
