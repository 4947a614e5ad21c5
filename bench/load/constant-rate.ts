/**
 * `node constant-rate.ts '{"port":…,"connections":…,"ratePerSecond":…,"seconds":…,"warmUpSeconds":…}'`
 *
 * Sends small messages on a fixed schedule over kept connections to an echo upstream and prints the latencies
 * as JSON. Open loop: a message is sent when it is due, whether or not earlier ones were answered, and its
 * latency counts from the moment it was due. A proxy that stops for 50 ms is charged for every message
 * due in these 50 ms, not for one (no coordinated omission).
 */
import { percentile } from '../run/statistics.ts'
import { connectTo, makeNonBlocking, ReadySet, receive, send, wakeOnTime } from './libc.ts'

export interface ConstantRateLoad {
  readonly port: number
  readonly connections: number
  readonly ratePerSecond: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

export interface ConstantRateReport {
  readonly sent: number
  readonly answered: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly maxUs: number
  /** How long after its due time the generator itself sent a message. */
  readonly late50Us: number
  readonly late99Us: number
}

const MESSAGE_BYTES = 64
/** Messages under way on one connection; more means that the proxy is far behind, and the round ends. */
const UNDER_WAY_MAX = 4096
/** Answers that take longer than this after the last message was due are lost. */
const LAST_ANSWERS_US = 2e6

const load = JSON.parse(process.argv[2]) as ConstantRateLoad
const intervalUs = 1e6 / load.ratePerSecond
const warmUpCount = Math.round(load.ratePerSecond * load.warmUpSeconds)
const totalCount = warmUpCount + Math.round(load.ratePerSecond * load.seconds)
const latencies = new Float64Array(totalCount)
const lateness = new Float64Array(totalCount)
const message = new Uint8Array(MESSAGE_BYTES).fill(0x61)
const buffer = new Uint8Array(65_536)

/** One connection's messages under way: a ring of their numbers, oldest first. TCP keeps their order. */
class Lane {
  readonly fd: number
  readonly #numbers = new Int32Array(UNDER_WAY_MAX)
  #first = 0
  #underWay = 0
  #partBytes = 0

  constructor(fd: number) {
    this.fd = fd
  }

  send(number: number): void {
    if (this.#underWay === UNDER_WAY_MAX) throw new Error(`${UNDER_WAY_MAX} messages on one connection are unanswered`)
    this.#numbers[(this.#first + this.#underWay++) % UNDER_WAY_MAX] = number
    send(this.fd, message, MESSAGE_BYTES)
  }

  /** Takes bytes in; returns how many messages they complete, and `oldest` names them one by one. */
  completed(bytes: number): number {
    this.#partBytes += bytes
    const count = Math.floor(this.#partBytes / MESSAGE_BYTES)
    this.#partBytes -= count * MESSAGE_BYTES
    return count
  }

  takeOldest(): number {
    const number = this.#numbers[this.#first]
    this.#first = (this.#first + 1) % UNDER_WAY_MAX
    this.#underWay--
    return number
  }
}

wakeOnTime()
const readySet = new ReadySet()
const lanes = openLanes()
const laneByFd = new Map(lanes.map((lane) => [lane.fd, lane]))
let sent = 0
let answered = 0
const startUs = nowUs() + 10_000
run()
console.log(JSON.stringify(report()))
process.exit(0)

function nowUs(): number {
  return performance.now() * 1000
}

function openLanes(): Lane[] {
  return Array.from({ length: load.connections }, () => {
    const fd = connectTo(load.port)
    makeNonBlocking(fd)
    readySet.add(fd)
    return new Lane(fd)
  })
}

function run(): void {
  const endUs = startUs + totalCount * intervalUs + LAST_ANSWERS_US
  while (answered < totalCount) {
    const now = nowUs()
    if (now > endUs) return
    while (sent < totalCount && startUs + sent * intervalUs <= now) sendNext()
    const nextUs = sent < totalCount ? startUs + sent * intervalUs : endUs
    const count = readySet.wait(Math.max(0, nextUs - nowUs()))
    for (let i = 0; i < count; i++) receiveAnswers(laneByFd.get(readySet.ready(i)) as Lane)
  }
}

function sendNext(): void {
  const number = sent++
  lateness[number] = nowUs() - (startUs + number * intervalUs)
  lanes[number % lanes.length].send(number)
}

function receiveAnswers(lane: Lane): void {
  const received = receive(lane.fd, buffer)
  if (received < 0) return
  if (received === 0) throw new Error('the proxy closed a connection')
  const now = nowUs()
  for (let left = lane.completed(received); left > 0; left--) {
    const number = lane.takeOldest()
    latencies[number] = now - (startUs + number * intervalUs)
    answered++
  }
}

function report(): ConstantRateReport {
  if (answered < totalCount) throw new Error(`${totalCount - answered} of ${totalCount} messages were never answered`)
  const measured = latencies.subarray(warmUpCount).toSorted()
  const late = lateness.subarray(warmUpCount).toSorted()
  return {
    sent: measured.length,
    answered: measured.length,
    p50Us: percentile(measured, 0.5),
    p99Us: percentile(measured, 0.99),
    p999Us: percentile(measured, 0.999),
    maxUs: measured[measured.length - 1],
    late50Us: percentile(late, 0.5),
    late99Us: percentile(late, 0.99),
  }
}
