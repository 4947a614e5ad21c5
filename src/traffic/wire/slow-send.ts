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
import { COUNTED, LOOKS_PER_WINDOW } from './wire-state.ts'

const SEND = {
  sinceMs: 0,
  /** The client's bytes before the window. */
  bytesBefore: 1,
  /** The upstream's bytes when last looked at. */
  answered: 2,
  /** The client's bytes when the window was over, plus one; 0 before. */
  atEnd: 3,
} as const
export const SEND_NUMBERS = 4

/** `fromClient` and `fromUpstream` are all bytes so far. True when the client is too slow. */
export function sendsTooSlowly(
  state: Float64Array,
  at: number,
  { bytes, withinMs }: FloorRule,
  nowMs: number,
  fromClient: number,
  fromUpstream: number,
): boolean {
  const sinceMs = state[at + SEND.sinceMs]
  if (sinceMs === COUNTED) return false
  const sent = fromClient - state[at + SEND.bytesBefore]
  if (fromUpstream !== state[at + SEND.answered] || sent >= bytes) {
    forgetSending(state, at, fromClient, fromUpstream)
    return false
  }
  if (sinceMs === 0) {
    if (sent > 0) state[at + SEND.sinceMs] = nowMs
    return false
  }
  if (nowMs < sinceMs + withinMs) return false
  if (state[at + SEND.atEnd] > 0) return fromClient + 1 > state[at + SEND.atEnd]
  state[at + SEND.atEnd] = fromClient + 1
  return false
}

/** No window is under way; also to be called where the client can't be to blame, because its bytes are not taken. */
export function forgetSending(state: Float64Array, at: number, fromClient: number, fromUpstream: number): void {
  if (state[at + SEND.sinceMs] === COUNTED) return
  state[at + SEND.sinceMs] = 0
  state[at + SEND.bytesBefore] = fromClient
  state[at + SEND.answered] = fromUpstream
  state[at + SEND.atEnd] = 0
}

export function nextSendLookMs({ withinMs }: FloorRule, nowMs: number): number {
  return nowMs + withinMs / LOOKS_PER_WINDOW
}
