/**
 * Slow reading: a client with bytes on their way to it must acknowledge `bytes` of them within `within`, or all of them
 * where they are fewer. With nothing on its way a client is not judged, however long it is silent.
 */
import type { FloorRule } from './wire-rules.ts'
import { COUNTED, LOOKS_PER_WINDOW } from './wire-state.ts'

const READ = {
  sinceMs: 0,
  /** What is to be acknowledged in all before the window is over. */
  wanted: 1,
} as const
export const READ_NUMBERS = 2

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
  const sinceMs = state[at + READ.sinceMs]
  if (sinceMs === COUNTED) return false
  if (outstanding === 0) {
    state[at + READ.sinceMs] = 0
    return false
  }
  if (sinceMs === 0 || taken >= state[at + READ.wanted]) {
    state[at + READ.sinceMs] = nowMs
    // Never more than there is: a chat of a few bytes now and then, each acknowledged at once, is not slow.
    state[at + READ.wanted] = taken + Math.min(bytes, outstanding)
    return false
  }
  return nowMs >= sinceMs + withinMs
}

export function nextReadLookMs({ withinMs }: FloorRule, nowMs: number): number {
  return nowMs + withinMs / LOOKS_PER_WINDOW
}
