/**
 * Brings what was measured to the store, once a minute. A batch that was not confirmed is sent again as it was, until
 * it is: the store takes each once. What does not fit into the hour that memory keeps is left out meanwhile; totals
 * lose nothing.
 */
import { randomUUID } from 'node:crypto'
import type { ServiceTotals, TotalsChange } from '../store/tables/totals.ts'
import { MEASURED, NODE, type SeriesBatch, type SeriesMinute } from '../store/tables/series.ts'
import { type Store, StoreError } from '../store/store.ts'
import { HOUR_SECONDS, type HourMemory } from './hour-memory.ts'
import type { KnownService } from './known-services.ts'
import { IS_GAUGE, SERIES_FIELDS } from './series-fields.ts'

const MINUTE_S = 60
/** After a time without the store they go in pieces. */
const MINUTES_PER_BATCH_MAX = 10

interface Sending {
  readonly batch: SeriesBatch
  readonly toS: number
  /** By service, what its reading was. */
  readonly readings: ReadonlyMap<KnownService, Float64Array>
}

export interface SeriesWriterOptions {
  readonly store: Pick<Store, 'series'>
  readonly hour: HourMemory
  /** The node among them. */
  readonly services: () => Iterable<KnownService>
  /** Seconds up to this one are not ours to write. */
  readonly fromS: number
  readonly now: () => number
}

export class SeriesWriter {
  readonly #options: SeriesWriterOptions
  readonly #writer = randomUUID()
  #sequence = 0
  #sending: Sending | undefined
  #running: Promise<void> | undefined
  /** The last second that is in a batch, and the last that the store has confirmed. */
  #batchedTo: number
  #confirmedTo: number
  #totals: ReadonlyMap<string, ServiceTotals> = new Map()

  constructor(options: SeriesWriterOptions) {
    this.#options = options
    this.#batchedTo = options.fromS
    this.#confirmedTo = options.fromS
  }

  get confirmedTo(): number {
    return this.#confirmedTo
  }

  /** As the store had them last; other processes may have added to them since. */
  get totals(): ReadonlyMap<string, ServiceTotals> {
    return this.#totals
  }

  useTotals(totals: readonly ServiceTotals[]): void {
    this.#totals = new Map(totals.map((one) => [one.service, one]))
  }

  /** The clock was set back. */
  startOver(fromS: number): void {
    this.#batchedTo = fromS
    this.#confirmedTo = fromS
  }

  /** Everything up to this second, if the store takes it. Never throws: what was not taken is tried again with the next. */
  async write(toS: number): Promise<void> {
    this.#running ??= this.#writeAll(toS).finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  async #writeAll(toS: number): Promise<void> {
    try {
      do {
        this.#sending ??= this.#nextBatch(toS)
        this.#confirm(this.#sending, await this.#options.store.series.write(this.#sending.batch))
      } while (this.#batchedTo < toS)
    } catch (error) {
      // It would be refused again and again, and hold up what comes after it. Its totals go with the next.
      if (error instanceof StoreError && error.code === 'E_STORE_INTERNAL') this.#sending = undefined
    }
  }

  #confirm({ toS, readings }: Sending, totals: readonly ServiceTotals[]): void {
    this.#sending = undefined
    this.#confirmedTo = toS
    for (const [service, reading] of readings) service.stored.set(reading)
    this.useTotals(totals)
  }

  #nextBatch(wantedToS: number): Sending {
    const fromS = Math.max(this.#batchedTo, wantedToS - HOUR_SECONDS)
    const lastMinute = Math.floor((fromS + 1) / MINUTE_S) + MINUTES_PER_BATCH_MAX
    const toS = Math.min(wantedToS, lastMinute * MINUTE_S - 1)
    const services = [...this.#options.services()]
    const readings = new Map(services.map((service) => [service, service.reading.slice()]))
    this.#batchedTo = toS
    const batch: SeriesBatch = {
      writer: this.#writer,
      sequence: ++this.#sequence,
      nowMs: this.#options.now(),
      minutes: this.#minutes(fromS + 1, toS),
      totals: services.map(changeOf).filter(({ counts }) => Object.keys(counts).length > 0),
    }
    return { batch, toS, readings }
  }

  #minutes(fromS: number, toS: number): SeriesMinute[] {
    const minutes: SeriesMinute[] = []
    for (let atS = fromS - (fromS % MINUTE_S); atS <= toS; atS += MINUTE_S) {
      const measured = new Float32Array(MINUTE_S)
      for (let i = 0; i < MINUTE_S; i++) {
        const second = atS + i
        if (second >= fromS && second <= toS && this.#options.hour.hasSecond(second)) measured[i] = 1
      }
      if (measured.includes(1)) minutes.push(this.#minute(atS, measured))
    }
    return minutes
  }

  #minute(atS: number, measured: Float32Array): SeriesMinute {
    const services = [...new Set([NODE, ...this.#options.hour.services])].map((service) => {
      const fields = new Map<string, Float32Array>(service === NODE ? [[MEASURED, measured]] : [])
      SERIES_FIELDS.forEach((field, i) => {
        const column = this.#options.hour.column(service, i)
        if (column === undefined) return
        const values = measured.map((one, at) => one * column[(atS + at) % HOUR_SECONDS])
        if (values.some((value) => value !== 0)) fields.set(field, values)
      })
      return { service, fields }
    })
    return { atS, services: services.filter(({ fields }) => fields.size > 0) }
  }
}

function changeOf({ name, reading, stored }: KnownService): TotalsChange {
  const counts = SERIES_FIELDS.flatMap((field, i) => {
    return IS_GAUGE[i] || reading[i] === stored[i] ? [] : [[field, reading[i] - stored[i]] as const]
  })
  return { service: name, counts: Object.fromEntries(counts) }
}
