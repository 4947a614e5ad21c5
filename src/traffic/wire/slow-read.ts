/**
 * Slow reading: a client with bytes on their way to it must acknowledge `bytes` of them within `within`, or all of them
 * where they are fewer. With nothing on its way a client is not judged, however long it is silent.
 */
import type { FloorRule } from './wire-rules.ts'
import { LOOKS_PER_WINDOW, WIRE } from './wire-state.ts'

/**
 * `outstanding`: bytes that wait for the client, in user space and in the kernel. `taken`: all that it has acknowledged
 * so far; any number will do that grows with it. True when the client is too slow.
 */
export function readsTooSlowly(
  state: Float64Array,
  at: number,
  { bytes, withinMs }: FloorRule,
  nowMs: number,
  outstanding: number,
  taken: number,
): boolean {
  if (outstanding === 0) {
    state[at + WIRE.readSinceMs] = 0
    return false
  }
  const sinceMs = state[at + WIRE.readSinceMs]
  if (sinceMs === 0 || taken >= state[at + WIRE.readWanted]) {
    state[at + WIRE.readSinceMs] = nowMs
    // Never more than there is: a chat of a few bytes now and then, each acknowledged at once, is not slow.
    state[at + WIRE.readWanted] = taken + Math.min(bytes, outstanding)
    return false
  }
  return nowMs >= sinceMs + withinMs
}

export function nextReadLookMs({ withinMs }: FloorRule, nowMs: number): number {
  return nowMs + withinMs / LOOKS_PER_WINDOW
}
