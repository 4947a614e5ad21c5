/**
 * The clients of upstreams.test.ts, in a process of their own: at each service, some streams that stay, and new clients
 * at a fixed rate who say four bytes, want to hear them again, and are patient. Each has an address of its own, by which
 * it is found in the log: ports are used again. Argument: a CrowdPlan as JSON. Says
 * `ready` when all streams are open; on any message it finishes and sends a CrowdSeen.
 */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from '../harness/address.ts'
import { LongStream } from '../harness/long-stream.ts'

export interface CrowdPlan {
  readonly services: readonly Address[]
  readonly streamsPerService: number
  /** At each service. */
  readonly clientsPerSecond: number
  /** Clients are at 127.NET.*.*; another crowd of the same daemon needs another one. */
  readonly net: number
}

export interface ClientSeen {
  readonly ip: string
  /** Since 1970: just before its connect, and when it had its answer or knew that there will be none. */
  readonly startMs: number
  readonly endMs: number
  /** Undefined for who was served. */
  readonly failure: string | undefined
}

export interface StreamSeen {
  readonly ip: string
  /** Undefined for one whose every byte came back, with a clean end. */
  readonly fault: string | undefined
}

export interface CrowdSeen {
  readonly clients: readonly ClientSeen[]
  readonly streams: readonly StreamSeen[]
}

const TICK_MS = 10
const PIECE_EVERY_MS = 100
const PATIENCE_MS = 15_000
/** Who falls behind must not open everything at once. */
const UNDER_WAY_MAX = 1024

const plan = JSON.parse(process.argv[2]) as CrowdPlan
const clients: ClientSeen[] = []
let underWay = 0
let addressesGiven = 0

function newAddress(): string {
  const i = ++addressesGiven
  return `127.${plan.net}.${i >> 8}.${i & 255}`
}

function visit({ host, port }: Address): void {
  underWay++
  const startMs = Date.now()
  const ip = newAddress()
  const socket = connect({ host, port, noDelay: true, localAddress: ip })
  const done = (failure?: string): void => {
    socket.removeAllListeners().on('error', () => {})
    socket.resetAndDestroy()
    underWay--
    clients.push({ ip, startMs, endMs: Date.now(), failure })
  }
  socket.setTimeout(PATIENCE_MS, () => done('no answer'))
  socket.once('error', (error: NodeJS.ErrnoException) => done(error.code))
  socket.once('end', () => done('closed'))
  socket.once('data', (chunk: Buffer) => done(chunk.toString() === 'ping' ? undefined : 'wrong bytes'))
  socket.write('ping')
}

const streams = plan.services.flatMap(({ host, port }, service) =>
  Array.from(
    { length: plan.streamsPerService },
    (_, i) => new LongStream(host, port, service * 1000 + i, newAddress()),
  ),
)
await Promise.all(streams.map(({ opened }) => opened))

let owed = 0
let lastMs = performance.now()
const visiting = setInterval(() => {
  const nowMs = performance.now()
  owed += ((nowMs - lastMs) / 1000) * plan.clientsPerSecond
  lastMs = nowMs
  for (; owed >= 1; owed--) {
    for (const service of plan.services) if (underWay < UNDER_WAY_MAX) visit(service)
  }
}, TICK_MS)
const talking = setInterval(() => {
  for (const stream of streams) stream.say()
}, PIECE_EVERY_MS)
process.once('message', () => void finish())
process.once('disconnect', () => process.exit())
process.send?.('ready')

async function finish(): Promise<void> {
  clearInterval(visiting)
  clearInterval(talking)
  for (const stream of streams) stream.finish()
  const deadlineMs = performance.now() + PATIENCE_MS
  const isOver = (): boolean => underWay === 0 && streams.every(({ ending }) => ending !== undefined)
  while (!isOver() && performance.now() < deadlineMs) await sleep(10)
  const seen: CrowdSeen = {
    clients,
    streams: streams.map(({ localAddress = '', fault }) => ({ ip: localAddress, fault })),
  }
  process.send?.(seen, undefined, undefined, () => process.exit())
}
