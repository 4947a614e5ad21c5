/**
 * Once a second: what the counters in shared memory have become. The last hour is kept in memory (hour-memory.ts), all
 * of it goes to the store once a minute (series-writer.ts), and questions are answered from both.
 */
import type { Tables } from '../../traffic/tables.ts'
import type { Bans } from '../bans/bans.ts'
import { MEASURED, NODE } from '../store/tables/series.ts'
import type { Store } from '../store/store.ts'
import type { SharedMemory } from '../workers/shared-memory.ts'
import { Buckets, type StepValues } from './buckets.ts'
import { HOUR_SECONDS, HourMemory } from './hour-memory.ts'
import { type KnownService, knownService, KnownServices } from './known-services.ts'
import { FIELD, IS_GAUGE, SERIES_FIELDS, type SeriesField } from './series-fields.ts'
import { planOf, type Resolution, type SeriesPlan, type SeriesQuestion } from './series-query.ts'
import { SeriesWriter } from './series-writer.ts'

const SAMPLE_EVERY_MS = 1_000
const MINUTE_S = 60
/** What came in so many seconds without a sample is spread over them; after a longer stall all of it is in the last. */
const SPREAD_S_MAX = 5
/** A clock that was set back by less is waited for. */
const SET_BACK_S_MAX = 60
/** A disk that hangs does not hold up our end for longer. */
const LAST_WRITE_MS = 3_000

export interface SeriesSamplerOptions {
  readonly memory: SharedMemory
  readonly tables: () => Tables
  readonly bans: Pick<Bans, 'view'>
  readonly store: Pick<Store, 'series' | 'totals'>
  readonly now?: () => number
}

export interface SeriesAnswer {
  readonly fromMs: number
  readonly stepMs: number
  readonly resolution: Resolution
  /** False: the store did not answer, and only what is in memory is there. */
  readonly isComplete: boolean
  /** Counts are by second. */
  readonly series: readonly (StepValues & { readonly service: string; readonly field: SeriesField })[]
}

export interface SeriesTotals {
  /** Since when it is counted; over restarts, while there is a store. */
  readonly sinceMs: number
  /** What never happened is left out. */
  readonly counts: Readonly<Partial<Record<SeriesField, number>>>
}

export interface RecentValues {
  readonly mean: number
  readonly min: number
  readonly max: number
}

export class SeriesSampler {
  readonly #options: SeriesSamplerOptions
  readonly #now: () => number
  readonly #startedAtMs: number
  readonly #hour = new HourMemory()
  readonly #services: KnownServices
  readonly #node = knownService(NODE)
  readonly #writer: SeriesWriter
  readonly #listeners = new Set<(atS: number) => void>()
  /** The second that was sampled last. */
  #second: number
  #isLoaded = false
  /** Another version counts bans now. */
  #hasLeft = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: SeriesSamplerOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#startedAtMs = this.#now()
    this.#second = Math.floor(this.#startedAtMs / 1000)
    this.#services = new KnownServices(options.memory)
    this.#writer = new SeriesWriter({
      store: options.store,
      hour: this.#hour,
      services: () => [this.#node, ...this.#services.all],
      fromS: this.#second,
      now: this.#now,
    })
  }

  start(): void {
    void this.#load(this.#second)
    this.#timer = setInterval(() => this.sample(), SAMPLE_EVERY_MS)
    this.#timer.unref()
  }

  /** The hour before the start, and the totals so far. Without the store it is tried again with each write. */
  async #load(startS: number): Promise<void> {
    const { store } = this.#options
    try {
      const [minutes, totals] = await Promise.all([store.series.seconds(startS - HOUR_SECONDS), store.totals.all()])
      this.#isLoaded = true
      if (this.#writer.totals.size === 0) this.#writer.useTotals(totals)
      for (const { atS, services } of minutes) {
        const measured = services.find(({ service }) => service === NODE)?.fields.get(MEASURED) ?? []
        const isWanted = Array.from(measured, (one, i) => one > 0 && atS + i <= startS && this.#hour.begin(atS + i))
        for (const { service, fields } of services)
          for (const [field, values] of fields)
            if (field in FIELD) this.#hour.fill(atS, isWanted, service, FIELD[field as SeriesField], values)
      }
    } catch {
      // The store has said what is wrong with it.
    }
  }

  /** Once a second; at the end also in between, so that nothing is lost. */
  sample(isLast = false): void {
    const second = Math.floor(this.#now() / 1000)
    if (second < this.#second - SET_BACK_S_MAX) this.#startOver(second)
    if (second <= this.#second && !isLast) return
    const before = this.#second
    this.#second = Math.max(second, before)
    this.#services.read(this.#options.tables())
    this.#readNode()
    const spread = this.#second - before > SPREAD_S_MAX ? 1 : Math.max(1, this.#second - before)
    for (let i = spread - 1; i >= 0; i--) this.#keep(this.#second - i, spread)
    for (const listener of this.#listeners) listener(this.#second)
    if (Math.floor(this.#second / MINUTE_S) !== Math.floor(before / MINUTE_S)) this.#writeMinute()
  }

  #startOver(second: number): void {
    this.#hour.clear()
    this.#second = second - 1
    this.#writer.startOver(this.#second)
  }

  #readNode(): void {
    const { reading, before } = this.#node
    before.set(reading)
    reading.fill(0)
    for (const service of this.#services.all) for (let i = 0; i < reading.length; i++) reading[i] += service.reading[i]
    // Those that no service has yet are open as well.
    reading[FIELD.connectionsOpen] = this.#options.memory.nodeWide.openConnections
    const { active, made } = this.#options.bans.view()
    reading[FIELD.bansActive] = this.#hasLeft ? 0 : sumOf(active)
    reading[FIELD.bansMade] = sumOf(made)
  }

  #keep(second: number, spread: number): void {
    this.#hour.begin(second)
    this.#keepOne(second, spread, this.#node)
    for (const service of this.#services.all) this.#keepOne(second, spread, service)
  }

  #keepOne(second: number, spread: number, { name, reading, before }: KnownService): void {
    for (let i = 0; i < reading.length; i++) {
      if (IS_GAUGE[i]) this.#hour.set(second, name, i, reading[i])
      else this.#hour.add(second, name, i, (reading[i] - before[i]) / spread)
    }
  }

  #writeMinute(): void {
    if (!this.#isLoaded) void this.#load(Math.floor(this.#startedAtMs / 1000))
    const inTables = new Set(this.#options.tables().services.map(({ name }) => name))
    for (const name of this.#hour.services) if (name !== NODE && !inTables.has(name)) this.#hour.forgetIfEmpty(name)
    // The second that has just begun to be kept belongs to the next minute.
    void this.#writer.write(this.#second - (this.#second % MINUTE_S) - 1)
  }

  /** Is called after each sample; returns how to end that. For those who show what is going on. */
  follow(listener: (atS: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What was measured last; counts are by second. `''` is the node. */
  latest(service = NODE): Readonly<Record<SeriesField, number>> {
    const values = SERIES_FIELDS.map((field, i) => [field, this.#hour.value(this.#second, service, i)])
    return Object.fromEntries(values) as Record<SeriesField, number>
  }

  /** Over the last seconds, an hour at most; undefined before the first sample. */
  recent(service: string, field: SeriesField, seconds: number): RecentValues | undefined {
    let [count, sum, min, max] = [0, 0, Infinity, 0]
    for (let second = this.#second; second > this.#second - Math.min(seconds, HOUR_SECONDS); second--) {
      if (!this.#hour.hasSecond(second)) continue
      const value = this.#hour.value(second, service, FIELD[field])
      count++
      sum += value
      min = Math.min(min, value)
      max = Math.max(max, value)
    }
    return count === 0 ? undefined : { mean: sum / count, min, max }
  }

  /** Over the last seconds, an hour at most; a second that was not measured counts as nothing. */
  mean(service: string, field: SeriesField, seconds: number): number {
    let sum = 0
    for (let second = this.#second; second > this.#second - seconds; second--) {
      if (this.#hour.hasSecond(second)) sum += this.#hour.value(second, service, FIELD[field])
    }
    return sum / seconds
  }

  /** Counted over restarts. What a version before counts in its last connections is there within a minute. */
  totals(service = NODE): SeriesTotals {
    const known = service === NODE ? this.#node : this.#services.find(service)
    const stored = this.#writer.totals.get(service)
    const counts: Partial<Record<SeriesField, number>> = {}
    SERIES_FIELDS.forEach((field, i) => {
      if (IS_GAUGE[i]) return
      const value = (stored?.counts[field] ?? 0) + (known === undefined ? 0 : known.reading[i] - known.stored[i])
      if (value > 0) counts[field] = value
    })
    return { sinceMs: stored?.sinceMs ?? this.#startedAtMs, counts }
  }

  /** Never throws; what is not kept as finely, or as long, is answered as it is kept. */
  async query(question: SeriesQuestion): Promise<SeriesAnswer> {
    const plan = planOf(question, this.#second)
    const { buckets, isComplete } = await this.#fill(plan, question)
    const series = buckets.rows.map((row) => {
      const { mean, min, max } = buckets.values(row)
      return { service: row.service, field: row.field as SeriesField, mean, min, max }
    })
    const { resolution, fromS, stepS } = plan
    return { fromMs: fromS * 1000, stepMs: stepS * 1000, resolution, isComplete, series }
  }

  async #fill(plan: SeriesPlan, { services, fields }: SeriesQuestion) {
    const { resolution, fromS, stepS, count } = plan
    const empty = new Buckets(fromS, stepS, count, services, fields)
    if (resolution === 'second') {
      this.#addHour(empty, 0)
      return { buckets: empty, isComplete: true }
    }
    try {
      const parts = await this.#options.store.series.query({ resolution, fromS, stepS, count, services, fields })
      const buckets = Buckets.from(parts)
      // Answers come in the order of the calls: what is confirmed now was in the file when it was asked.
      this.#addHour(buckets, this.#writer.confirmedTo + 1)
      return { buckets, isComplete: true }
    } catch {
      this.#addHour(empty, 0)
      return { buckets: empty, isComplete: false }
    }
  }

  #addHour(buckets: Buckets, sinceS: number): void {
    const firstS = Math.max(buckets.fromS, sinceS, this.#second - HOUR_SECONDS + 1)
    const lastS = Math.min(buckets.fromS + buckets.stepS * buckets.count - 1, this.#second)
    for (let second = firstS; second <= lastS; second++)
      if (this.#hour.hasSecond(second)) buckets.addMeasured(second, 1)
    for (const row of buckets.rows) {
      const column = this.#hour.column(row.service, FIELD[row.field as SeriesField])
      if (column === undefined) continue
      for (let second = firstS; second <= lastS; second++) {
        if (!this.#hour.hasSecond(second)) continue
        const value = column[second % HOUR_SECONDS]
        buckets.add(row, second, 1, value, value, value)
      }
    }
  }

  /** The next version counts bans from now on; our last connections are counted here, until they end. */
  leave(): void {
    this.#hasLeft = true
  }

  /** What is left is in the store when it resolves, if the store takes it. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.sample(true)
    const timer = Promise.withResolvers<void>()
    const timeout = setTimeout(timer.resolve, LAST_WRITE_MS)
    // A write under way ends with the last whole minute; the next one takes the rest.
    const all = this.#writer.write(this.#second).then(() => this.#writer.write(this.#second))
    await Promise.race([all, timer.promise])
    clearTimeout(timeout)
  }
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}
