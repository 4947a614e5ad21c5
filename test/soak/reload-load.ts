/**
 * The clients of reloads.ts, in a process of their own: long streams whose every byte is compared, and new connections
 * at a fixed rate. Arguments: HOST PORT STREAMS CONNECTS_PER_SECOND. Says `{ ready }` when all streams are open; on any
 * message it finishes and says what it saw.
 */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { LongStream } from '../harness/long-stream.ts'

export interface LoadSeen {
  readonly served: number
  readonly seconds: number
  /** How new connections failed, counted by what happened. */
  readonly failures: Readonly<Record<string, number>>
  readonly streams: number
  readonly streamBytes: number
  readonly brokenStreams: readonly string[]
}

/** A stream says something so often. */
const PIECE_EVERY_MS = 250
const TICK_MS = 5
/** A generator that falls behind must not open everything at once. */
const UNDER_WAY_MAX = 256
const CONNECTION_DEADLINE_MS = 15_000

const [host, ...numbers] = process.argv.slice(2)
const [port, streamCount, connectsPerSecond] = numbers.map(Number)

const failures: Record<string, number> = {}
let served = 0
let underWay = 0

/** Connect, say four bytes, hear them again, reset. */
function knock(): void {
  underWay++
  const socket = connect({ host, port, noDelay: true })
  const done = (failure?: string): void => {
    socket.removeAllListeners().on('error', () => {})
    socket.resetAndDestroy()
    underWay--
    if (failure === undefined) served++
    else failures[failure] = (failures[failure] ?? 0) + 1
  }
  socket.setTimeout(CONNECTION_DEADLINE_MS, () => done('timeout'))
  socket.once('error', (error: NodeJS.ErrnoException) => done(error.code))
  socket.once('end', () => done('closed'))
  socket.once('data', (chunk: Buffer) => done(chunk.toString() === 'ping' ? undefined : 'wrong bytes'))
  socket.write('ping')
}

const streams: LongStream[] = []
for (let from = 0; from < streamCount; from += 50) {
  const batch = Array.from(
    { length: Math.min(50, streamCount - from) },
    (_, i) => new LongStream(host, port, from + i + 1),
  )
  streams.push(...batch)
  await Promise.all(batch.map((stream) => stream.opened))
}
const startedMs = performance.now()
let owed = 0
let lastMs = startedMs
const ticking = setInterval(() => {
  const nowMs = performance.now()
  owed = Math.min(UNDER_WAY_MAX, owed + ((nowMs - lastMs) / 1000) * connectsPerSecond)
  lastMs = nowMs
  for (; owed >= 1 && underWay < UNDER_WAY_MAX; owed--) knock()
}, TICK_MS)
const talking = setInterval(() => {
  for (const stream of streams) stream.say()
}, PIECE_EVERY_MS)
process.send?.({ ready: true })

process.once('message', () => void finish())

async function finish(): Promise<void> {
  clearInterval(ticking)
  clearInterval(talking)
  const seconds = (performance.now() - startedMs) / 1000
  for (const stream of streams) stream.finish()
  const deadlineMs = performance.now() + CONNECTION_DEADLINE_MS
  const isOver = (): boolean => underWay === 0 && streams.every(({ ending }) => ending !== undefined)
  while (!isOver() && performance.now() < deadlineMs) await sleep(20)
  const seen: LoadSeen = {
    served,
    seconds,
    failures,
    streams: streams.length,
    streamBytes: streams.reduce((sum, { sent }) => sum + sent, 0),
    brokenStreams: streams.flatMap(({ fault }) => fault ?? []),
  }
  process.send?.(seen, undefined, undefined, () => process.exit())
}
