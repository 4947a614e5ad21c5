/**
 * Tiny segments: in each window of `within` the client may send segments as fast as it likes, or as small as it likes,
 * but not both: more than `perSecondMax` a second with less than `smallerThanBytes` in each on average.
 */
import type { TinySegmentsRule } from './wire-rules.ts'
import { WIRE } from './wire-state.ts'

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
  const sinceMs = state[at + WIRE.tinySinceMs]
  const tookMs = nowMs - sinceMs
  if (sinceMs !== 0 && tookMs < withinMs) return false
  const newSegments = (segments - state[at + WIRE.tinySegments] + SEGMENTS_MODULO) % SEGMENTS_MODULO
  const newBytes = bytes - state[at + WIRE.tinyBytes]
  state[at + WIRE.tinySinceMs] = nowMs
  state[at + WIRE.tinySegments] = segments
  state[at + WIRE.tinyBytes] = bytes
  if (sinceMs === 0) return false
  return newSegments > (perSecondMax * tookMs) / 1000 && newBytes < newSegments * smallerThanBytes
}

/** When the window under way is over. */
export function nextTinyLookMs(state: Float64Array, at: number, { withinMs }: TinySegmentsRule): number {
  return state[at + WIRE.tinySinceMs] + withinMs
}
