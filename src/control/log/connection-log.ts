/**
 * Reads the records of ended connections from the workers' rings and writes them as lines. Clients that were refused
 * have no record: they are summed up per service and reason, so that a flood makes a line every 10 s and not millions.
 */
import type { LogConnections, Tables } from '../../traffic/tables.ts'
import { type ConnectionRecord, LogRingReader } from '../../traffic/log-ring.ts'
import { formatConnectionText, makeConnectionLine } from './connection-line.ts'
import type { KnownNames } from './known-names.ts'
import type { Log } from './log.ts'
import { RefusedSums } from './refused-sums.ts'
import type { RefusedCount } from './refused-sums.ts'

const POLL_EVERY_MS = 50
const REFUSED_LINES_EVERY_MS = 10_000
/** Records of one worker turned into text before the lines are written: bounds the size of one piece. */
const RECORDS_PER_READ_MAX = 1024

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

  constructor(options: ConnectionLogOptions) {
    this.#options = options
    this.#readers = options.rings.map((memory) => new LogRingReader(memory))
    this.#timers = [
      setInterval(() => this.#writeRecords(), POLL_EVERY_MS),
      setInterval(() => this.#writeRefused(), REFUSED_LINES_EVERY_MS),
    ]
    for (const timer of this.#timers) timer.unref()
  }

  learn(tables: Tables): void {
    this.#options.names.learn(tables)
  }

  /** Writes what is left and ends; call it when the workers have ended. */
  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#writeRecords()
    this.#writeRefused()
  }

  #writeRecords(): void {
    for (let workerIndex = 0; workerIndex < this.#readers.length; workerIndex++) this.#writeRecordsOf(workerIndex)
  }

  #writeRecordsOf(workerIndex: number): void {
    const { log, connections, bootId, names } = this.#options
    const origin = { bootId, workerIndex }
    const json = log.format === 'json'
    let records: number
    do {
      let lines = ''
      records = this.#readers[workerIndex].read(RECORDS_PER_READ_MAX, (record: ConnectionRecord) => {
        if (connections !== 'all') return
        const line = makeConnectionLine(record, origin, names)
        lines += json ? `${JSON.stringify(line)}\n` : formatConnectionText(line)
      })
      if (lines !== '') log.output.write(lines)
    } while (records === RECORDS_PER_READ_MAX)
  }

  #writeRefused(): void {
    if (this.#options.connections === 'none') return
    for (const { service, reason, clients } of this.#refused.since(this.#options.refusedCounts())) {
      const seconds = REFUSED_LINES_EVERY_MS / 1000
      this.#options.log.events.info(
        { event: 'refused', service, reason, clients, seconds },
        `${clients} clients of ${service} were refused: ${reason}.`,
      )
    }
  }
}
