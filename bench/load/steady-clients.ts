/**
 * `node steady-clients.ts '{"host":…,"port":…,"perSecond":…,"sources":…}'`, with a message channel: the clients that an
 * attack must not keep out. They come at a steady rate from addresses of their own, whether or not those before were
 * served (open loop); each asks once for some bytes and, when it has them, leaves by a clean end. On `mark` it says what became of all since the last one.
 */
import { setImmediate as messages } from 'node:timers/promises'
import {
  close,
  closeWithReset,
  connectBetween,
  errnoName,
  ReadySet,
  receiveOrErrno,
  sendOrErrno,
  setAddress,
  socketAddress,
} from './libc.ts'
import { percentile } from '../run/statistics.ts'
import { SourceRound, type Sources } from './sources.ts'

export interface SteadyClientsLoad {
  readonly host: string
  readonly port: number
  readonly perSecond: number
  readonly sources: Sources
  /** PROXY headers, of which each visit says the next before its request. */
  readonly headers?: readonly string[]
  /** Who is not served by then has failed. Lost SYNs come again after 1 and 3 s. */
  readonly patienceMs: number
}

export interface SteadyClientsReport {
  readonly seconds: number
  readonly visits: number
  readonly served: number
  /** From the connect to the last byte of the answer, of those who were served; 0 where nobody was. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly faults: Readonly<Record<string, number>>
}

/** Visits that began between two marks. */
interface Window {
  readonly sinceMs: number
  visits: number
  served: number
  underWay: number
  readonly timesMs: number[]
  readonly faults: Record<string, number>
}

interface Visit {
  readonly fd: number
  readonly request: Buffer
  readonly sinceMs: number
  readonly window: Window
  hasAsked: boolean
  receivedBytes: number
}

/** Small, and more than a server says to somebody who only knocks. */
const ANSWER_BYTES = 2000
const TURN_US = 1_000
const UNDER_WAY_MAX = 8_000

const load = JSON.parse(process.argv[2]) as SteadyClientsLoad
const target = socketAddress(load.host, load.port)
const from = socketAddress('127.0.0.1', 0)
const sources = new SourceRound(load.sources)
const requests = (load.headers ?? ['']).map((header) => Buffer.from(`${header}${ANSWER_BYTES}\n`))
const readySet = new ReadySet()
/** Oldest first. */
const visits = new Map<number, Visit>()
const buffer = new Uint8Array(4096)
const startedMs = performance.now()
let window = newWindow()
let begun = 0
let waitedFor: Window | undefined

process.on('message', () => {
  waitedFor = window
  window = newWindow()
})
process.on('disconnect', () => process.exit())

for (;;) {
  letThemCome()
  turn()
  if (waitedFor?.underWay === 0) {
    process.send?.(report(waitedFor))
    waitedFor = undefined
  }
  await messages()
}

function newWindow(): Window {
  return { sinceMs: performance.now(), visits: 0, served: 0, underWay: 0, timesMs: [], faults: {} }
}

/** As many as are due by now: a turn that comes late is made up for. */
function letThemCome(): void {
  const nowMs = performance.now()
  const due = Math.floor(((nowMs - startedMs) * load.perSecond) / 1000)
  for (; begun < due && visits.size < UNDER_WAY_MAX; begun++) begin(nowMs)
}

function begin(nowMs: number): void {
  window.visits++
  setAddress(from, sources.next())
  const fd = connectBetween(from, target, { noDelay: true })
  if (fd < 0) return count(window, errnoName(fd))
  window.underWay++
  const request = requests[begun % requests.length]
  visits.set(fd, { fd, request, sinceMs: nowMs, window, hasAsked: false, receivedBytes: 0 })
  readySet.addEdges(fd)
}

function count({ faults }: Window, fault: string): void {
  faults[fault] = (faults[fault] ?? 0) + 1
}

function turn(): void {
  const ready = readySet.wait(TURN_US)
  const nowMs = performance.now()
  for (let i = 0; i < ready; i++) {
    const visit = visits.get(readySet.ready(i))
    if (visit !== undefined) goOn(visit, nowMs)
  }
  for (const visit of visits.values()) {
    if (nowMs - visit.sinceMs < load.patienceMs) break
    end(visit, visit.hasAsked ? 'no answer in time' : 'no connection in time')
  }
}

function goOn(visit: Visit, nowMs: number): void {
  if (!visit.hasAsked) {
    const sent = sendOrErrno(visit.fd, visit.request, visit.request.length)
    if (sent < 0) return errnoName(sent) === 'EAGAIN' ? undefined : end(visit, errnoName(sent))
    visit.hasAsked = true
  }
  let received = receiveOrErrno(visit.fd, buffer)
  for (; received > 0; received = receiveOrErrno(visit.fd, buffer)) visit.receivedBytes += received
  if (visit.receivedBytes === ANSWER_BYTES) {
    visit.window.timesMs.push(nowMs - visit.sinceMs)
    end(visit, undefined)
  } else if (received === 0) end(visit, `ended after ${visit.receivedBytes} bytes`)
  else if (errnoName(received) !== 'EAGAIN') end(visit, errnoName(received))
}

function end({ fd, window }: Visit, fault: string | undefined): void {
  visits.delete(fd)
  window.underWay--
  if (fault === undefined) {
    window.served++
    close(fd)
  } else {
    closeWithReset(fd)
    count(window, fault)
  }
}

function report({ sinceMs, visits, served, timesMs, faults }: Window): SteadyClientsReport {
  const sorted = Float64Array.from(timesMs).toSorted()
  const [p50Ms, p99Ms] = sorted.length === 0 ? [0, 0] : [percentile(sorted, 0.5), percentile(sorted, 0.99)]
  return { seconds: (performance.now() - sinceMs) / 1000, visits, served, p50Ms, p99Ms, faults }
}
