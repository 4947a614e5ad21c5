/**
 * `node through-changes.ts '{"port":…,"connectionsPerSecond":…}'`, with a message channel: clients that go on while a
 * proxy is changed. New ones come at a steady rate, whether or not earlier ones were served (open loop); long streams
 * are opened when asked for, and stay to the end. One epoll loop, so that 2,000 clients a second take a small part of a
 * CPU: clients on node:net took more of it than the proxy.
 */
import { setImmediate as messages } from 'node:timers/promises'
import { ReadySet } from './libc.ts'
import { LongStream } from './long-stream.ts'
import { Visit } from './visit.ts'

export interface ThroughChangesLoad {
  readonly port: number
  readonly connectionsPerSecond: number
}

/** `open-streams`: so many more, answered with `opened`. `visit`: let clients come. `stop`: answered with the report. */
export type ThroughChangesCommand =
  | { readonly kind: 'open-streams'; readonly count: number }
  | { readonly kind: 'visit' }
  | { readonly kind: 'stop' }

export interface ThroughChangesReport {
  readonly kind: 'report'
  readonly seconds: number
  readonly connections: number
  readonly failedConnections: number
  readonly streams: number
  readonly brokenStreams: number
  readonly streamBytes: number
  /** How often each error or wrong end was seen. */
  readonly errors: Readonly<Record<string, number>>
  /** From the connect of a client to the end of its visit. */
  readonly longestVisitMs: number
  /** From the moment a stream said something until it had heard all of it. */
  readonly longestStreamWaitMs: number
  /** How long the generator itself did nothing; the two above can't be shorter. */
  readonly longestPauseMs: number
}

export type ThroughChangesMessage = { readonly kind: 'opened' } | ThroughChangesReport

const STREAM_EVERY_MS = 250
const TURN_US = 1_000
/** Retransmitted SYNs come after 1 and 3 s; who waits longer has failed. */
const PATIENCE_MS = 5_000
/** A proxy that serves nobody must not take all of this process's files. */
const UNDER_WAY_MAX = 8_000

const load = JSON.parse(process.argv[2]) as ThroughChangesLoad
const readySet = new ReadySet()
/** Oldest first. */
const visits = new Map<number, Visit>()
const streams: LongStream[] = []
const streamByFd = new Map<number, LongStream>()
const errors: Record<string, number> = {}
let toOpen = 0
let isStopping = false
let visitsSinceMs = Infinity
let connections = 0
let failedConnections = 0
let longestVisitMs = 0
let longestPauseMs = 0
let speaker = 0
let spokenUntilMs = performance.now()

process.on('message', (command: ThroughChangesCommand) => {
  if (command.kind === 'open-streams') toOpen += command.count
  if (command.kind === 'visit') visitsSinceMs = performance.now()
  if (command.kind === 'stop') isStopping = true
})
// Nobody is left to report to.
process.on('disconnect', () => process.exit())

let lastMs = performance.now()
let isOpening = false
while (!isStopping) {
  letThemCome()
  openStreams()
  letStreamsSpeak()
  turn()
  tellWhenOpened()
  await messages()
}
await finish()

/** One wait, and everybody it woke. */
function turn(): void {
  const startedMs = performance.now()
  longestPauseMs = Math.max(longestPauseMs, startedMs - lastMs)
  const count = readySet.wait(TURN_US)
  const nowMs = performance.now()
  lastMs = nowMs
  for (let i = 0; i < count; i++) {
    const fd = readySet.ready(i)
    const visit = visits.get(fd)
    if (visit === undefined) streamByFd.get(fd)?.onReady(nowMs)
    else onVisitReady(visit, nowMs)
  }
  for (const visit of visits.values()) {
    if (nowMs - visit.sinceMs < PATIENCE_MS) break
    visit.end('not served in time')
    onVisitOver(visit, nowMs)
  }
}

function onVisitReady(visit: Visit, nowMs: number): void {
  visit.onReady()
  if (visit.isOver) onVisitOver(visit, nowMs)
}

function onVisitOver({ fd, fault, sinceMs }: Visit, nowMs: number): void {
  visits.delete(fd)
  if (fault === undefined) longestVisitMs = Math.max(longestVisitMs, nowMs - sinceMs)
  else {
    failedConnections++
    count(`connection: ${fault}`)
  }
}

function count(error: string): void {
  errors[error] = (errors[error] ?? 0) + 1
}

/** As many as are due by now: a turn that comes late is made up for. */
function letThemCome(): void {
  const nowMs = performance.now()
  const due = Math.floor(((nowMs - visitsSinceMs) * load.connectionsPerSecond) / 1000)
  while (connections < due && visits.size < UNDER_WAY_MAX) {
    connections++
    const visit = new Visit(load.port, nowMs)
    visits.set(visit.fd, visit)
    readySet.addEdges(visit.fd)
  }
}

/** One a turn: they must not be the flood. */
function openStreams(): void {
  if (toOpen === 0) return
  isOpening = true
  toOpen--
  const nowMs = performance.now()
  const stream = new LongStream(load.port, streams.length + 1, nowMs)
  streams.push(stream)
  streamByFd.set(stream.fd, stream)
  readySet.addEdges(stream.fd)
}

/** One after another, spread over the time in which each has its turn. */
function letStreamsSpeak(): void {
  const nowMs = performance.now()
  const stepMs = STREAM_EVERY_MS / streams.length
  for (; streams.length > 0 && spokenUntilMs < nowMs; spokenUntilMs += stepMs) {
    streams[speaker++ % streams.length].say(nowMs)
  }
  spokenUntilMs = Math.max(spokenUntilMs, nowMs - STREAM_EVERY_MS)
}

function tellWhenOpened(): void {
  if (!isOpening || toOpen > 0 || !streams.every(({ bytes, isOver }) => bytes > 0 || isOver)) return
  isOpening = false
  process.send?.({ kind: 'opened' } satisfies ThroughChangesMessage)
}

async function finish(): Promise<void> {
  const endedMs = performance.now()
  for (const stream of streams) stream.finish(endedMs)
  const isOver = (): boolean => visits.size === 0 && streams.every((stream) => stream.isOver)
  while (!isOver() && performance.now() < endedMs + PATIENCE_MS) turn()
  for (const visit of visits.values()) visit.end('not served in time')
  for (const visit of visits.values()) onVisitOver(visit, endedMs)
  for (const stream of streams) {
    stream.end('no end in time')
    if (stream.fault !== undefined) count(`stream: ${stream.fault}`)
  }
  process.send?.(report((endedMs - visitsSinceMs) / 1000), undefined, undefined, () => process.exit())
}

function report(seconds: number): ThroughChangesReport {
  return {
    kind: 'report',
    seconds,
    connections,
    failedConnections,
    streams: streams.length,
    brokenStreams: streams.filter(({ fault }) => fault !== undefined).length,
    streamBytes: streams.reduce((sum, { bytes }) => sum + bytes, 0),
    errors,
    longestVisitMs,
    longestStreamWaitMs: Math.max(0, ...streams.map(({ longestWaitMs }) => longestWaitMs)),
    longestPauseMs,
  }
}
