/**
 * `node kept-client.ts '{"host":…,"port":…}'`, with a message channel: one client on one connection that it keeps. It
 * says 64 bytes, hears them from an echo server and says the next (closed loop). On a message it says how often since
 * the last one.
 */
import { setImmediate as messages } from 'node:timers/promises'
import { connectTo, makeNonBlocking, ReadySet, receive, send } from './libc.ts'

export interface KeptClientLoad {
  readonly host: string
  readonly port: number
}

export interface KeptClientReport {
  readonly seconds: number
  readonly requests: number
}

const MESSAGE_BYTES = 64
/** So often at least it looks for messages. */
const TURN_MS = 20

const load = JSON.parse(process.argv[2]) as KeptClientLoad
const fd = connectTo(load.port, load.host)
makeNonBlocking(fd)
const readySet = new ReadySet()
readySet.add(fd)
const message = new Uint8Array(MESSAGE_BYTES).fill(0x61)
const buffer = new Uint8Array(MESSAGE_BYTES)
let sinceMs = performance.now()
let requests = 0
let awaitedBytes = 0

process.on('message', () => {
  const nowMs = performance.now()
  process.send?.({ seconds: (nowMs - sinceMs) / 1000, requests } satisfies KeptClientReport)
  sinceMs = nowMs
  requests = 0
})
process.on('disconnect', () => process.exit())

for (;;) {
  const turnEndMs = performance.now() + TURN_MS
  while (performance.now() < turnEndMs) exchange()
  await messages()
}

function exchange(): void {
  if (awaitedBytes === 0) {
    send(fd, message, MESSAGE_BYTES)
    awaitedBytes = MESSAGE_BYTES
  }
  if (readySet.wait(TURN_MS * 1000) === 0) return
  const received = receive(fd, buffer)
  if (received === 0) throw new Error('the proxy closed the connection of a client that nobody has banned')
  if (received > 0) awaitedBytes -= received
  if (awaitedBytes === 0) requests++
}
