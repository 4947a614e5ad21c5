/**
 * Slow sending: a client that goes on sending, and is not answered, must bring `bytes` within each window of `within`.
 * A window begins with the client's first byte after the upstream's last one. One that was too thin ends the connection
 * when a further byte proves that the client was still sending, so whoever has said its few bytes and waits, or is
 * idle, is never judged. Any byte of the upstream closes the window.
 *
 *   client    .   .   .   .         GET /              (nothing)            .    .    .
 *   upstream                               200 OK                                  (nothing)
 *             |-- within --|^ ends  not judged, it waits                   |-- within --|^ ends
 */
import type { FloorRule } from './wire-rules.ts'
import { LOOKS_PER_WINDOW, WIRE } from './wire-state.ts'

/** `fromClient` and `fromUpstream` are all bytes so far. True when the client is too slow. */
export function sendsTooSlowly(
  state: Float64Array,
  at: number,
  { bytes, withinMs }: FloorRule,
  nowMs: number,
  fromClient: number,
  fromUpstream: number,
): boolean {
  const sinceMs = state[at + WIRE.sendSinceMs]
  const sent = fromClient - state[at + WIRE.sendBytesBefore]
  if (fromUpstream !== state[at + WIRE.sendAnswered] || sent >= bytes) {
    forgetSending(state, at, fromClient, fromUpstream)
    return false
  }
  if (sinceMs === 0) {
    if (sent > 0) state[at + WIRE.sendSinceMs] = nowMs
    return false
  }
  if (nowMs < sinceMs + withinMs) return false
  if (state[at + WIRE.sendAtEnd] > 0) return fromClient + 1 > state[at + WIRE.sendAtEnd]
  state[at + WIRE.sendAtEnd] = fromClient + 1
  return false
}

/** No window is under way; also to be called where the client can't be to blame, because its bytes are not taken. */
export function forgetSending(state: Float64Array, at: number, fromClient: number, fromUpstream: number): void {
  state[at + WIRE.sendSinceMs] = 0
  state[at + WIRE.sendBytesBefore] = fromClient
  state[at + WIRE.sendAnswered] = fromUpstream
  state[at + WIRE.sendAtEnd] = 0
}

export function nextSendLookMs({ withinMs }: FloorRule, nowMs: number): number {
  return nowMs + withinMs / LOOKS_PER_WINDOW
}
