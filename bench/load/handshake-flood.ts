/**
 * `node handshake-flood.ts '{"linkIndex":…,"host":…,"port":…,"sources":…,…}'`, with a message channel: SYNs from many
 * addresses, and each handshake that is answered is completed, so that a program has to refuse it. It keeps no state
 * for any of them: answers come before new SYNs, and what an answer asks for is in the answer. Frames go out of one
 * interface and never through a TCP of its own. Only for a network of one's own. On a message it says what became of
 * all since the last one.
 */
import { setImmediate as messages } from 'node:timers/promises'
import { frameSocket, receiveOrErrno, sendOrErrno } from './libc.ts'
import { SourceRound, type Sources } from './sources.ts'
import { ETHERNET_BYTES, FLAGS, FRAME_BYTES, HandshakeFrame } from './handshake-frame.ts'

export interface HandshakeFloodPlan {
  readonly linkIndex: number
  /** Ethernet addresses of the two ends of the cable. */
  readonly fromLink: string
  readonly toLink: string
  readonly host: string
  readonly port: number
  readonly sources: Sources
  /** `undefined`: as fast as one CPU can. */
  readonly perSecond?: number
  /** It ends by itself after so long. */
  readonly seconds: number
}

export interface HandshakeFloodReport {
  readonly seconds: number
  readonly sent: number
  /** The kernel had no room for them. */
  readonly lost: number
  /** Handshakes answered, which it then completes. */
  readonly handshakes: number
  /** Connections that the other side ended, by a reset or a FIN. */
  readonly ends: number
}

const SYNS_A_TURN_MAX = 256
const ANSWERS_A_TURN_MAX = 1024
/** Who was kept from sending for longer doesn't make up for it: a burst is another load than a rate. */
const LATE_MS_MAX = 20
const FIRST_PORT = 1024
const PORTS = 60_000

const plan = JSON.parse(process.argv[2]) as HandshakeFloodPlan
const fd = frameSocket(plan.linkIndex)
const frame = new HandshakeFrame(plan)
const sources = new SourceRound(plan.sources)
const received = Buffer.alloc(2048)
// Other connections than those of the flood before this one, some of which may still be half-open.
let sourcePort = Math.floor(Math.random() * PORTS)
let sourcesLeft = plan.sources.count
let counts = newCounts()
let dueSinceMs = performance.now()

process.on('message', () => {
  const { sinceMs, ...rest } = counts
  process.send?.({ ...rest, seconds: (performance.now() - sinceMs) / 1000 } satisfies HandshakeFloodReport)
  counts = newCounts()
})
process.on('disconnect', () => process.exit())

const endMs = performance.now() + plan.seconds * 1000
while (performance.now() < endMs) {
  for (let i = 0; i < ANSWERS_A_TURN_MAX && answerNext(); i++);
  for (let due = dueSyns(); due > 0; due--) sendSyn()
  await messages()
}
process.exit()

function newCounts(): { sinceMs: number; sent: number; lost: number; handshakes: number; ends: number } {
  return { sinceMs: performance.now(), sent: 0, lost: 0, handshakes: 0, ends: 0 }
}

function dueSyns(): number {
  if (plan.perSecond === undefined) return SYNS_A_TURN_MAX
  const nowMs = performance.now()
  dueSinceMs = Math.max(dueSinceMs, nowMs - LATE_MS_MAX)
  const due = Math.min(SYNS_A_TURN_MAX, Math.floor(((nowMs - dueSinceMs) * plan.perSecond) / 1000))
  dueSinceMs += (due * 1000) / plan.perSecond
  return due
}

function sendSyn(): void {
  if (sourcesLeft-- === 0) {
    sourcesLeft = plan.sources.count - 1
    sourcePort = (sourcePort + 1) % PORTS
  }
  frame.write(sources.next(), FIRST_PORT + sourcePort, FLAGS.syn, 0, 0)
  if (sendOrErrno(fd, frame.bytes, FRAME_BYTES) < 0) counts.lost++
  else counts.sent++
}

/** False when nothing has come. */
function answerNext(): boolean {
  const bytes = receiveOrErrno(fd, received)
  if (bytes < 0) return false
  if (bytes < FRAME_BYTES) return true
  const tcpAt = ETHERNET_BYTES + (received[ETHERNET_BYTES] & 0x0f) * 4
  const flags = received[tcpAt + 13]
  const isHandshake = (flags & FLAGS.syn) !== 0
  if ((flags & (FLAGS.rst | FLAGS.fin)) !== 0) counts.ends++
  else if (isHandshake) counts.handshakes++
  // A reset wants no answer. A FIN gets a reset, or it would be sent again for minutes.
  if ((flags & FLAGS.rst) !== 0 || !(isHandshake || (flags & FLAGS.fin) !== 0)) return true
  const address = received.readUInt32BE(ETHERNET_BYTES + 16)
  const port = received.readUInt16BE(tcpAt + 2)
  const sequence = received.readUInt32BE(tcpAt + 4)
  const acknowledged = received.readUInt32BE(tcpAt + 8)
  frame.write(address, port, isHandshake ? FLAGS.ack : FLAGS.rst | FLAGS.ack, acknowledged, (sequence + 1) >>> 0)
  sendOrErrno(fd, frame.bytes, FRAME_BYTES)
  return true
}
