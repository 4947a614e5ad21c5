import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Buckets, type StepValues } from '../../series/buckets.ts'
import { databaseForTest } from '../database-for-test.ts'
import type { Database } from '../database.ts'
import { KEPT_S, MEASURED, NODE, SERIES, SERIES_SERVICES_MAX, type SeriesBatch, type SeriesMinute } from './series.ts'
import { TOTALS } from './totals.ts'

const { reads, writes } = SERIES
/** A whole hour. */
const HOUR_S = 1_795_280_400

/** A minute in which the node was measured in `seconds` of it, and service web had `perSecond` new clients in each of them. */
function minute(atS: number, perSecond: number, seconds: readonly [from: number, to: number] = [0, 60]): SeriesMinute {
  const [from, to] = seconds
  const values = (value: number): Float32Array =>
    Float32Array.from({ length: 60 }, (_, i) => (i >= from && i < to ? value : 0))
  return {
    atS,
    services: [
      { service: NODE, fields: new Map([[MEASURED, values(1)]]) },
      { service: 'web', fields: new Map([['connectionsNew', values(perSecond)]]) },
    ],
  }
}

function batch(minutes: readonly SeriesMinute[], more: Partial<SeriesBatch> = {}): SeriesBatch {
  const nowMs = ((minutes.at(-1)?.atS ?? HOUR_S) + 60) * 1000
  return { writer: 'a', sequence: 1, nowMs, minutes, totals: [], ...more }
}

function values(db: Database, resolution: 'minute' | 'hour', fromS: number, stepS: number, count: number): StepValues {
  const query = { resolution, fromS, stepS, count, services: ['web'], fields: ['connectionsNew'] }
  const buckets = Buckets.from(reads.query(db, query))
  return buckets.values(buckets.rows[0])
}

test('minutes come to hours, by mean, lowest and highest second', () => {
  const db = databaseForTest()
  writes.write(db, batch([minute(HOUR_S, 10), minute(HOUR_S + 60, 30)]))
  assert.deepEqual(values(db, 'minute', HOUR_S, 60, 3), {
    mean: [10, 30, null],
    min: [10, 30, null],
    max: [10, 30, null],
  })
  assert.deepEqual(values(db, 'minute', HOUR_S, 120, 1), { mean: [20], min: [10], max: [30] })
  assert.deepEqual(values(db, 'hour', HOUR_S, 3600, 1), { mean: [20], min: [10], max: [30] })
})

test('a minute in which a service had nothing counts as zeros, one in which the node was not there not at all', () => {
  const db = databaseForTest()
  const quiet = { ...minute(HOUR_S + 60, 0), services: minute(HOUR_S + 60, 0).services.slice(0, 1) }
  writes.write(db, batch([minute(HOUR_S, 12, [0, 30]), quiet]))
  assert.deepEqual(values(db, 'minute', HOUR_S, 60, 3), { mean: [12, 0, null], min: [12, 0, null], max: [12, 0, null] })
  assert.deepEqual(values(db, 'hour', HOUR_S, 3600, 1), { mean: [4], min: [0], max: [12] })
})

test('a batch that is sent again counts once, and totals are those of then', () => {
  const db = databaseForTest()
  const totals = [{ service: 'web', counts: { connectionsNew: 600 } }]
  const first = batch([minute(HOUR_S, 10)], { totals })
  writes.write(db, first)
  assert.deepEqual(writes.write(db, first), [{ service: 'web', sinceMs: first.nowMs, counts: { connectionsNew: 600 } }])
  assert.deepEqual(values(db, 'minute', HOUR_S, 60, 1).mean, [10])
  writes.write(db, batch([], { sequence: 2, totals, nowMs: first.nowMs + 5 }))
  writes.write(db, batch([], { writer: 'b', totals, nowMs: first.nowMs + 6 }))
  assert.deepEqual(TOTALS.reads.all(db), [{ service: 'web', sinceMs: first.nowMs, counts: { connectionsNew: 1800 } }])
  assert.equal(TOTALS.writes.forget(db, 'web'), true)
  assert.deepEqual(TOTALS.reads.all(db), [])
})

test('a restart within a minute leaves one minute; two versions beside each other are added up', () => {
  const db = databaseForTest()
  writes.write(db, batch([minute(HOUR_S, 10, [0, 20])]))
  writes.write(db, batch([minute(HOUR_S, 40, [30, 60])], { writer: 'b' }))
  assert.deepEqual(values(db, 'minute', HOUR_S, 60, 1), { mean: [28], min: [10], max: [40] })
  writes.write(db, batch([minute(HOUR_S + 60, 10)], { sequence: 2 }))
  writes.write(db, batch([minute(HOUR_S + 60, 40)], { writer: 'b', sequence: 2 }))
  assert.deepEqual(values(db, 'minute', HOUR_S + 60, 60, 1), { mean: [50], min: [50], max: [50] })
  assert.deepEqual(values(db, 'hour', HOUR_S, 3600, 1).mean, [(200 + 1200 + 600 + 2400) / 110])
  const [, second] = reads.seconds(db, HOUR_S)
  const fields = new Map(second.services.map(({ service, fields }) => [service, fields]))
  assert.equal(fields.get('web')?.get('connectionsNew')?.[7], 50)
  assert.equal(fields.get(NODE)?.get(MEASURED)?.[7], 1)
})

test('seconds are kept for an hour, minutes for a week, hours for a year; names go with the last of them', () => {
  const db = databaseForTest()
  const rows = (): number[] =>
    ['seriesSeconds', 'seriesMinutes', 'seriesHours', 'seriesServices'].map((table) =>
      db.number(`SELECT count(*) FROM ${table}`),
    )
  writes.write(db, batch([minute(HOUR_S, 1)]))
  assert.deepEqual(rows(), [2, 2, 2, 2])
  let sequence = 1
  const later = (seconds: number): void => {
    writes.write(db, batch([], { sequence: ++sequence, nowMs: (HOUR_S + seconds) * 1000 }))
  }
  later(KEPT_S.second + 120)
  assert.deepEqual(rows(), [2, 2, 2, 2])
  later(KEPT_S.second + 121)
  assert.deepEqual(rows(), [0, 2, 2, 2])
  later(KEPT_S.minute + 121)
  assert.deepEqual(rows(), [0, 0, 2, 2])
  later(KEPT_S.hour + 121)
  assert.deepEqual(rows(), [0, 0, 0, 0])
})

test('services without end do not fill the file', () => {
  const db = databaseForTest()
  const one = minute(HOUR_S, 1)
  const services = Array.from({ length: SERIES_SERVICES_MAX + 5 }, (_, i) => {
    return { service: `service-${i}`, fields: one.services[1].fields }
  })
  db.transaction('write', () => writes.write(db, batch([{ ...one, services: [one.services[0], ...services] }])))
  assert.equal(db.number('SELECT count(*) FROM seriesServices'), SERIES_SERVICES_MAX)
})
