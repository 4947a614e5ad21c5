/**
 * What happened when: seconds for an hour, minutes for a week, hours for a year, by service; `''` is the whole node.
 * A batch is taken once: its sender may send it again until it is confirmed. Two versions may write in turn, or both
 * for the time of an upgrade: what they say of the same second is added up.
 */
import { Buckets, type BucketParts } from '../../series/buckets.ts'
import type { Database } from '../database.ts'
import {
  type Chunk,
  CHUNK_SECONDS,
  chunkBytes,
  eachStat,
  type Point,
  pointBytes,
  readChunk,
  readPoint,
  type Stat,
} from '../series-bytes.ts'
import { addTotals, allTotals, type ServiceTotals, type TotalsChange } from './totals.ts'

const MINUTE_S = 60
const HOUR_S = 3_600
/** How long is kept what; 2 minutes more, as a batch is a minute late. */
export const KEPT_S = { second: HOUR_S, minute: 7 * 86_400, hour: 366 * 86_400 } as const
const LATE_S = 120
/** Names of services, and of fields, that the file knows; what comes beyond is left out. */
export const SERIES_SERVICES_MAX = 1_024
export const SERIES_FIELDS_MAX = 1_024
const WRITER_AGE_MS_MAX = 30 * 86_400_000

/** A field of the node's that is 1 in every second in which it was measured. */
export const MEASURED = 'measured'
export const NODE = ''

export interface SeriesMinute {
  /** Seconds since 1970; a whole minute. */
  readonly atS: number
  /** 60 values of each field; those of seconds that were not measured are 0. */
  readonly services: readonly { readonly service: string; readonly fields: ReadonlyMap<string, Float32Array> }[]
}

export interface SeriesBatch {
  /** One name for each life of a process. */
  readonly writer: string
  /** Grows by one with each batch of the writer. */
  readonly sequence: number
  readonly nowMs: number
  readonly minutes: readonly SeriesMinute[]
  readonly totals: readonly TotalsChange[]
}

export interface SeriesQuery {
  readonly resolution: 'minute' | 'hour'
  readonly fromS: number
  readonly stepS: number
  readonly count: number
  readonly services: readonly string[]
  readonly fields: readonly string[]
}

type Names = Map<string, number>

interface Blob {
  readonly data: Uint8Array
}

export const SERIES = {
  reads: {
    /** The seconds from then on, of every service. */
    seconds(db: Database, fromS: number): SeriesMinute[] {
      const names = new Map([...namesIn(db, 'seriesFields')].map(([name, id]) => [id, name]))
      const byMinute = new Map<number, SeriesMinute['services'][number][]>()
      const rows = db.all<Blob & { atS: number; service: string }>(
        `SELECT atS, name AS service, data FROM seriesSeconds JOIN seriesServices ON id = service WHERE atS >= :fromS`,
        { fromS: fromS - CHUNK_SECONDS },
      )
      for (const { atS, service, data } of rows) {
        const fields = new Map([...readChunk(data)].map(([id, values]) => [names.get(id) ?? '', values]))
        byMinute.set(atS, [...(byMinute.get(atS) ?? []), { service, fields }])
      }
      return [...byMinute].map(([atS, services]) => ({ atS, services }))
    },
    /** Minutes, or hours, summed up in steps. */
    query: (db: Database, query: SeriesQuery): BucketParts => queried(db, query),
  },
  writes: {
    /** The totals as they are then. */
    write(db: Database, batch: SeriesBatch): ServiceTotals[] {
      if (isNew(db, batch)) {
        const ids = new SeriesIds(db)
        const nowS = Math.floor(batch.nowMs / 1000)
        for (const minute of batch.minutes) writeMinute(db, ids, minute, nowS)
        addTotals(db, batch.totals, batch.nowMs)
        forgetOld(db, nowS)
      }
      return allTotals(db)
    },
  },
}

/** And notes that it was taken. */
function isNew(db: Database, { writer, sequence, nowMs }: SeriesBatch): boolean {
  const changed = db.run(
    `INSERT INTO seriesWriters (writer, sequence, atMs) VALUES (:writer, :sequence, :nowMs)
      ON CONFLICT (writer) DO UPDATE SET sequence = :sequence, atMs = :nowMs WHERE sequence < :sequence`,
    { writer, sequence, nowMs },
  )
  db.run('DELETE FROM seriesWriters WHERE atMs < :before', { before: nowMs - WRITER_AGE_MS_MAX })
  return changed === 1
}

function writeMinute(db: Database, ids: SeriesIds, { atS, services }: SeriesMinute, nowS: number): void {
  const measured = measuredIn(services)
  for (const { service, fields } of services) {
    const id = ids.service(service)
    if (id === undefined) continue
    const chunk = ids.chunk(fields)
    if (atS > nowS - KEPT_S.second) writeSeconds(db, ids, id, atS, chunk)
    writePoints(db, id, atS, pointOf(chunk, measured))
  }
}

/** 1 for each second of the minute in which the node was measured. */
function measuredIn(services: SeriesMinute['services']): Float32Array {
  const node = services.find(({ service }) => service === NODE)
  return node?.fields.get(MEASURED) ?? new Float32Array(CHUNK_SECONDS)
}

function writeSeconds(db: Database, ids: SeriesIds, service: number, atS: number, chunk: Chunk): void {
  const before = db.one<Blob>('SELECT data FROM seriesSeconds WHERE service = :service AND atS = :atS', {
    service,
    atS,
  })
  const merged = before === undefined ? chunk : addChunks(readChunk(before.data), chunk, ids.measured)
  db.run(
    `INSERT INTO seriesSeconds (service, atS, data) VALUES (:service, :atS, :data)
      ON CONFLICT (service, atS) DO UPDATE SET data = :data`,
    { service, atS, data: chunkBytes(merged) },
  )
}

function addChunks(into: Chunk, chunk: Chunk, measured: number): Chunk {
  for (const [field, values] of chunk) {
    const before = into.get(field)
    const sum = (value: number, i: number): number => value + (before?.[i] ?? 0)
    const isSet = (value: number, i: number): number => Math.min(1, sum(value, i))
    into.set(field, values.map(field === measured ? isSet : sum))
  }
  return into
}

/** The minute, and the hour around it by what the minute has become more. */
function writePoints(db: Database, service: number, atS: number, point: Point): void {
  const before = readAt(db, 'seriesMinutes', service, atS)
  const minute = new Map(before)
  const more: Point = new Map()
  for (const [field, stat] of point) {
    const old = before.get(field)
    const next = old === undefined ? stat : addStats(old, stat, MINUTE_S)
    minute.set(field, next)
    more.set(field, { ...next, seconds: next.seconds - (old?.seconds ?? 0), sum: next.sum - (old?.sum ?? 0) })
  }
  writeAt(db, 'seriesMinutes', service, atS, minute)
  const hourS = atS - (atS % HOUR_S)
  const hour = readAt(db, 'seriesHours', service, hourS)
  for (const [field, stat] of more) {
    const old = hour.get(field)
    hour.set(field, old === undefined ? stat : addStats(old, stat, HOUR_S))
  }
  writeAt(db, 'seriesHours', service, hourS, hour)
}

/** More seconds than there are were counted by two processes at once: then their highest are added, else compared. */
function addStats(one: Stat, other: Stat, secondsMax: number): Stat {
  const isBeside = one.seconds + other.seconds > secondsMax
  return {
    seconds: Math.min(secondsMax, one.seconds + other.seconds),
    sum: one.sum + other.sum,
    min: isBeside ? one.min + other.min : Math.min(one.min, other.min),
    max: isBeside ? one.max + other.max : Math.max(one.max, other.max),
  }
}

function pointOf(chunk: Chunk, measured: Float32Array): Point {
  const point: Point = new Map()
  for (const [field, values] of chunk) {
    let [seconds, sum, max] = [0, 0, 0]
    let min = Infinity
    values.forEach((value, i) => {
      // A second without a measure has a zero that nobody saw.
      if (measured[i] === 0) return
      seconds++
      sum += value
      max = Math.max(max, value)
      min = Math.min(min, value)
    })
    if (seconds > 0) point.set(field, { seconds, sum, min, max })
  }
  return point
}

type PointTable = 'seriesMinutes' | 'seriesHours'

function readAt(db: Database, table: PointTable, service: number, atS: number): Point {
  const row = db.one<Blob>(`SELECT data FROM ${table} WHERE service = :service AND atS = :atS`, { service, atS })
  return row === undefined ? new Map() : readPoint(row.data)
}

function writeAt(db: Database, table: PointTable, service: number, atS: number, point: Point): void {
  db.run(
    `INSERT INTO ${table} (service, atS, data) VALUES (:service, :atS, :data)
      ON CONFLICT (service, atS) DO UPDATE SET data = :data`,
    { service, atS, data: pointBytes(point) },
  )
}

/** By service: each has its rows of one table beside each other. */
function forgetOld(db: Database, nowS: number): void {
  const services = [...namesIn(db, 'seriesServices').values()]
  for (const service of services) {
    const before = (keptS: number) => ({ service, before: nowS - keptS - LATE_S })
    db.run('DELETE FROM seriesSeconds WHERE service = :service AND atS < :before', before(KEPT_S.second))
    db.run('DELETE FROM seriesMinutes WHERE service = :service AND atS < :before', before(KEPT_S.minute))
    db.run('DELETE FROM seriesHours WHERE service = :service AND atS < :before', before(KEPT_S.hour))
  }
  db.run(`DELETE FROM seriesServices WHERE NOT EXISTS (SELECT 1 FROM seriesHours WHERE service = seriesServices.id)`)
}

function queried(db: Database, query: SeriesQuery): BucketParts {
  const { resolution, fromS, stepS, count, services, fields } = query
  const buckets = new Buckets(fromS, stepS, count, services, fields)
  const table: PointTable = resolution === 'minute' ? 'seriesMinutes' : 'seriesHours'
  const fieldIds = namesIn(db, 'seriesFields')
  const serviceIds = namesIn(db, 'seriesServices')
  const measured = fieldIds.get(MEASURED)
  for (const service of new Set([NODE, ...services])) {
    const id = serviceIds.get(service)
    if (id === undefined) continue
    const rowById = new Map(
      buckets.rows.filter((row) => row.service === service).map((row) => [fieldIds.get(row.field), row]),
    )
    const points = db.all<Blob & { atS: number }>(
      `SELECT atS, data FROM ${table} WHERE service = :id AND atS >= :fromS AND atS < :toS`,
      { id, fromS, toS: fromS + stepS * count },
    )
    for (const { atS, data } of points) {
      eachStat(data, (field, seconds, sum, min, max) => {
        if (service === NODE && field === measured) buckets.addMeasured(atS, seconds)
        const row = rowById.get(field)
        if (row !== undefined) buckets.add(row, atS, seconds, sum, min, max)
      })
    }
  }
  return buckets.parts
}

type NameTable = 'seriesServices' | 'seriesFields'

function namesIn(db: Database, table: NameTable): Names {
  return new Map(
    db.all<{ id: number; name: string }>(`SELECT id, name FROM ${table}`).map(({ id, name }) => [name, id]),
  )
}

/** Numbers for names; new names get new ones, while there is room. */
class SeriesIds {
  readonly #db: Database
  readonly #services: Names
  readonly #fields: Names
  readonly measured: number

  constructor(db: Database) {
    this.#db = db
    this.#services = namesIn(db, 'seriesServices')
    this.#fields = namesIn(db, 'seriesFields')
    this.measured = this.#id('seriesFields', this.#fields, MEASURED, SERIES_FIELDS_MAX) ?? 0
  }

  service(name: string): number | undefined {
    return this.#id('seriesServices', this.#services, name, SERIES_SERVICES_MAX)
  }

  chunk(fields: ReadonlyMap<string, Float32Array>): Chunk {
    const chunk: Chunk = new Map()
    for (const [name, values] of fields) {
      const id = this.#id('seriesFields', this.#fields, name, SERIES_FIELDS_MAX)
      if (id !== undefined) chunk.set(id, values)
    }
    return chunk
  }

  #id(table: NameTable, known: Names, name: string, max: number): number | undefined {
    const id = known.get(name)
    if (id !== undefined || known.size >= max) return id
    const made = this.#db.insert(`INSERT INTO ${table} (name) VALUES (:name)`, { name })
    known.set(name, made)
    return made
  }
}
