/**
 * Tiny segments: in each window of `within` the client may send segments as fast as it likes, or as small as it likes,
 * but not both: more than `perSecondMax` a second with less than `smallerThanBytes` in each on average.
 */
import type { TinySegmentsRule } from './wire-rules.ts'
import { COUNTED } from './wire-state.ts'

const TINY = {
  sinceMs: 0,
  /** All of them when the window began. */
  segments: 1,
  bytes: 2,
} as const
export const TINY_NUMBERS = 3

/** Where the kernel counts segments it does so in 32 bits. */
const SEGMENTS_MODULO = 2 ** 32

/** `segments` (modulo 2^32) and `bytes` are all that came so far. True when there were too many too small ones. */
export function sendsTinySegments(
  state: Float64Array,
  at: number,
  { perSecondMax, smallerThanBytes, withinMs }: TinySegmentsRule,
  nowMs: number,
  segments: number,
  bytes: number,
): boolean {
  const sinceMs = state[at + TINY.sinceMs]
  const tookMs = nowMs - sinceMs
  if (sinceMs === COUNTED || (sinceMs !== 0 && tookMs < withinMs)) return false
  const newSegments = (segments - state[at + TINY.segments] + SEGMENTS_MODULO) % SEGMENTS_MODULO
  const newBytes = bytes - state[at + TINY.bytes]
  state[at + TINY.sinceMs] = nowMs
  state[at + TINY.segments] = segments
  state[at + TINY.bytes] = bytes
  if (sinceMs === 0) return false
  return newSegments > (perSecondMax * tookMs) / 1000 && newBytes < newSegments * smallerThanBytes
}

/** When the window under way is over. */
export function nextTinyLookMs(state: Float64Array, at: number, { withinMs }: TinySegmentsRule): number {
  const sinceMs = state[at + TINY.sinceMs]
  return sinceMs === COUNTED ? Infinity : sinceMs + withinMs
}
