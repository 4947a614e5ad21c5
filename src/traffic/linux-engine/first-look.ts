/** When a connection that begins a stage now is looked at first. */
import type { Service } from '../tables.ts'
import type { Loop } from './loop.ts'

/** Every connection is looked at once after this time; most are over by then and never pay for what long ones need. */
const FIRST_LOOK_MS = 100

export function firstLookMs(loop: Loop, service: Service): number {
  return (
    loop.nowMs +
    Math.min(FIRST_LOOK_MS, service.connectTimeoutMs, orNever(service.idleTimeoutMs), orNever(service.maxLifetimeMs))
  )
}

/** In the tables 0 is off. */
export function orNever(ms: number): number {
  return ms === 0 ? Infinity : ms
}
