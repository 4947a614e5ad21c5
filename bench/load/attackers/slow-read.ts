/**
 * Asks for a big answer through the smallest window. `closedWindow` takes nothing of it; `trickle` takes some bytes now
 * and then, so that the window opens by a little, and every timer that a byte restarts is restarted.
 */
import type { Behaviour } from './raid.ts'

const REQUEST = Buffer.from('20000000\n')
const WINDOW_BYTES = 2048
const EVERY_MS = 250
const TRICKLE_BYTES = 64

export const closedWindow: Behaviour = {
  reads: false,
  receiveBytes: WINDOW_BYTES,
  onOpen: (raider, raid) => raid.send(raider, REQUEST),
}

export const trickle: Behaviour = {
  ...closedWindow,
  onTurn: (raider, raid, nowMs) => {
    if (nowMs - raider.actedMs < EVERY_MS) return
    raider.actedMs = nowMs
    raid.read(raider, TRICKLE_BYTES)
  },
}
