/** Clients of a listener that believes PROXY headers from some networks. */
import type { Behaviour } from './raid.ts'

const HEADER = Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n')
const EVERY_MS = 100

/** From a believed network: the header comes byte by byte, so slowly that it is never whole. */
export const slowHeader: Behaviour = {
  reads: true,
  onTurn: (raider, raid, nowMs) => {
    if (nowMs - raider.actedMs < EVERY_MS || raider.sentBytes === HEADER.length - 1) return
    raider.actedMs = nowMs
    raid.send(raider, HEADER.subarray(raider.sentBytes, raider.sentBytes + 1))
  },
}

/** Says to be 127.200.0.1, the first of the steady clients, and asks as they do. */
export const forgedHeader: Behaviour = {
  reads: true,
  onOpen: (raider, raid) => raid.send(raider, Buffer.from('PROXY TCP4 127.200.0.1 127.0.0.1 1000 443\r\n170\n')),
}

/** From a believed network: what is no header. */
export const wrongHeader: Behaviour = {
  reads: true,
  onOpen: (raider, raid) => raid.send(raider, Buffer.from('PROXY TCP4 999.0.0.1 127.0.0.1 1000 443\r\n170\n')),
}
