/** What a candidate counts at this moment: its weight, less while it starts slowly. */
import type { Pool } from './method.ts'

/** With nothing at first, an upstream that is back could wait for its first client for long. As in Envoy. */
const SLOW_START_LEAST = 0.1

export function weightNow(pool: Pool, place: number): number {
  const weight = pool.weights[place]
  return pool.service.slowStartMs === 0 ? weight : weight * readiness(pool, place)
}

/** From a tenth, when the upstream came back, to 1, linear over `slowStart`. */
export function readiness({ service, states, upstreams, nowMs }: Pool, place: number): number {
  if (service.slowStartMs === 0) return 1
  const upSinceMs = states.upSinceMs(upstreams[place])
  if (upSinceMs === 0) return 1
  const part = (nowMs - upSinceMs) / service.slowStartMs
  return part >= 1 ? 1 : SLOW_START_LEAST + (1 - SLOW_START_LEAST) * Math.max(part, 0)
}

/** By chance: an upstream that starts slowly gives up the part of its turns that it is not ready for. */
export function isReady(pool: Pool, place: number): boolean {
  if (pool.service.slowStartMs === 0) return true
  const part = readiness(pool, place)
  return part === 1 || pool.random() < part
}
