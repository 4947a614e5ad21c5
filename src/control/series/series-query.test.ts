import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SeriesField } from './series-fields.ts'
import { planOf, SERIES_VALUES_MAX } from './series-query.ts'

const NOW_S = 1_795_280_400 + 1_234
const HOUR = 3_600
const DAY = 86_400

function plan(agoS: number, stepS?: number, services = ['']): ReturnType<typeof planOf> {
  const fields: SeriesField[] = ['connectionsNew']
  const stepMs = stepS === undefined ? undefined : stepS * 1000
  return planOf({ fromMs: (NOW_S - agoS) * 1000, toMs: NOW_S * 1000, stepMs, services, fields }, NOW_S)
}

test('the finest that is kept for so long, and steps that it has', () => {
  const shown = [
    plan(600, 1),
    plan(HOUR),
    plan(HOUR, 90),
    plan(DAY, 1),
    plan(DAY),
    plan(7 * DAY),
    plan(30 * DAY),
    plan(366 * DAY),
  ]
  assert.deepEqual(
    shown.map(({ resolution, stepS, count }) => [resolution, stepS, count]),
    [
      ['second', 1, 600],
      ['minute', 60, 61],
      ['minute', 120, 31],
      ['minute', 60, 1441],
      ['minute', 300, 289],
      ['hour', 3_600, 169],
      ['hour', 10_800, 241],
      ['hour', 108_000, 293],
    ],
  )
})

test('steps begin at whole steps, so that the same question has the same ones', () => {
  for (const { fromS, stepS } of [plan(DAY), plan(7 * DAY), plan(100 * DAY)]) assert.equal(fromS % stepS, 0)
})

test('an answer is bounded, whatever is asked', () => {
  const services = Array.from({ length: 1000 }, (_, i) => `service-${i}`)
  for (const one of [plan(HOUR, 1, services), plan(10_000 * DAY, 1, services)])
    assert.ok(one.count * services.length <= SERIES_VALUES_MAX, JSON.stringify(one))
  assert.ok(plan(10_000 * DAY, 1).count <= 5_000)
  assert.equal(plan(-DAY, 1).count, 1)
  assert.equal(planOf({ fromMs: 0, toMs: -5, services: [], fields: [] }, NOW_S).count, 1)
})
