/** A byte of a request now and then, and never its end: slowloris. Every byte starts an idle timer anew. */
import type { Behaviour } from './raid.ts'

const EVERY_MS = 100
const BYTE = Buffer.from('1')

export const slowSend: Behaviour = {
  reads: true,
  onOpen: (raider, raid) => raid.send(raider, BYTE),
  onTurn: (raider, raid, nowMs) => {
    if (nowMs - raider.actedMs < EVERY_MS) return
    raider.actedMs = nowMs
    raid.send(raider, BYTE)
  },
}
