/**
 * Reads the records of ended connections from the workers' rings and writes them as lines. Clients that were refused
 * have no record: they are summed up per service and reason, so that a flood makes a line every 10 s and not millions.
 */
import type { LogConnections } from '../../traffic/tables.ts'
import { type ConnectionRecord, LogRingReader } from '../../traffic/log-ring.ts'
import { formatConnectionJson } from './connection-json.ts'
import { formatConnectionText, makeConnectionLine } from './connection-line.ts'
import type { KnownNames } from './known-names.ts'
import type { Log } from './log.ts'
import { RefusedSums } from './refused-sums.ts'
import type { RefusedCount } from './refused-sums.ts'

const POLL_EVERY_MS = 50
const REFUSED_LINES_EVERY_MS = 10_000
/** Records turned into text before the lines are written: bounds the size of one piece. */
const RECORDS_PER_READ_MAX = 1_000
/**
 * Over all workers, in one poll: 160,000 connections a second. A worker may write faster than we read; whoever reads
 * until a ring is empty might never come back, and control has other things to do.
 */
const RECORDS_PER_POLL_MAX = 8_000

export interface ConnectionLogOptions {
  readonly log: Log
  readonly connections: LogConnections
  readonly bootId: string
  /** One ring for each worker, in the order of their indexes. */
  readonly rings: readonly SharedArrayBuffer[]
  readonly names: KnownNames
  /** Clients refused so far, per service and reason. */
  readonly refusedCounts: () => RefusedCount[]
}

export class ConnectionLog {
  readonly #options: ConnectionLogOptions
  readonly #readers: readonly LogRingReader[]
  readonly #refused = new RefusedSums()
  readonly #timers: readonly NodeJS.Timeout[]
  #connections: LogConnections
  #firstWorker = 0

  constructor(options: ConnectionLogOptions) {
    this.#options = options
    this.#connections = options.connections
    this.#readers = options.rings.map((memory) => new LogRingReader(memory))
    this.#timers = [
      setInterval(() => this.#writeRecords(RECORDS_PER_POLL_MAX), POLL_EVERY_MS),
      setInterval(() => this.#writeRefused(), REFUSED_LINES_EVERY_MS),
    ]
    for (const timer of this.#timers) timer.unref()
  }

  /** Which connections get a line from now on. */
  change(connections: LogConnections): void {
    this.#connections = connections
  }

  /** Writes what is left and ends; call it when the workers have ended. */
  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
    // Nobody writes any more, so the rings will be empty.
    this.#writeRecords(Infinity)
    this.#writeRefused()
  }

  /** Reads the workers in turn, each poll another one first, until all rings are empty or `recordsMax` are written. */
  #writeRecords(recordsMax: number): void {
    this.#firstWorker = (this.#firstWorker + 1) % this.#readers.length
    const waiting = this.#readers.map((_, i) => (this.#firstWorker + i) % this.#readers.length)
    let records = 0
    for (let worker = waiting.shift(); worker !== undefined && records < recordsMax; worker = waiting.shift()) {
      const read = this.#writeRecordsOf(worker)
      records += read
      if (read === RECORDS_PER_READ_MAX) waiting.push(worker)
    }
  }

  #writeRecordsOf(workerIndex: number): number {
    const { log, bootId, names } = this.#options
    const origin = { bootId, workerIndex }
    const json = log.format === 'json'
    let lines = ''
    let dropped = 0
    const records = this.#readers[workerIndex].read(RECORDS_PER_READ_MAX, (record: ConnectionRecord) => {
      if (this.#connections !== 'all') return
      if (!log.output.hasRoomFor(lines.length)) {
        dropped++
        return
      }
      lines += json
        ? formatConnectionJson(record, origin, names)
        : formatConnectionText(makeConnectionLine(record, origin, names))
    })
    if (lines !== '') log.output.write(lines)
    log.output.drop(dropped)
    return records
  }

  #writeRefused(): void {
    if (this.#connections === 'none') return
    for (const { service, reason, clients } of this.#refused.since(this.#options.refusedCounts())) {
      const seconds = REFUSED_LINES_EVERY_MS / 1000
      const sentence = `${clients} clients of ${service} were refused: ${reason}.`
      this.#options.log.say('refused', { service, reason, clients, seconds }, sentence)
    }
  }
}
