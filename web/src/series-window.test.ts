import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SeriesAnswer } from '../../src/api/contract.ts'
import { SeriesWindow, SPANS } from './series-window.ts'

const [SHORT] = SPANS
const START_MS = Date.UTC(2026, 10, 21)
/** The clock of the browser is not that of the daemon. */
const SKEW_MS = 7_777_777

/** As the daemon answers: whole steps, their values the second they begin at. */
function answer(fromMs: number, toMs: number, stepMs: number): SeriesAnswer {
  const first = Math.floor(fromMs / stepMs) * stepMs
  const values = Array.from({ length: Math.ceil((toMs - first) / stepMs) }, (_, i) => (first + i * stepMs) / 1000)
  const row = { service: null, field: 'open', mean: values, min: values, max: values }
  return { from: new Date(first).toISOString(), stepMs, resolution: 'second', complete: true, series: [row] }
}

function ask(window: SeriesWindow, nowMs: number, stepMs = window.span.stepMs): number {
  const from = window.from(nowMs + SKEW_MS)
  const fromMs = from.endsWith('s') ? nowMs - Number(from.slice(0, -1)) * 1000 : Date.parse(from)
  window.take(answer(fromMs, nowMs, stepMs), nowMs + SKEW_MS)
  return (nowMs - fromMs) / stepMs
}

function assertWhole(window: SeriesWindow): void {
  const { times, columns } = window.data
  assert.deepEqual(columns['open'], times)
  const steps = times.slice(1).map((time, i) => time - times[i])
  assert.deepEqual(new Set(steps).size, 1)
}

for (const span of SPANS) {
  test(`${span.name}: a long look asks for what is new only, and holds no more than the span`, () => {
    const window = new SeriesWindow(span, ['open'])
    const stepsMax = span.spanMs / span.stepMs + 2
    let nowMs = START_MS
    assert.ok(ask(window, nowMs) <= stepsMax)
    for (let i = 0; i < 2_000; i++) {
      nowMs += span.everyMs
      assert.ok(ask(window, nowMs) <= 3 + span.everyMs / span.stepMs)
      assert.ok(window.data.times.length <= stepsMax)
    }
    assertWhole(window)
    assert.ok(window.data.times.length >= stepsMax - 4)
    assert.ok(nowMs / 1000 - (window.data.times.at(-1) ?? 0) <= span.stepMs / 1000)
  })
}

test('a page that slept goes on where it was; one that slept for longer begins anew', () => {
  const window = new SeriesWindow(SHORT, ['open'])
  ask(window, START_MS)
  ask(window, START_MS + 100_500)
  assertWhole(window)
  ask(window, START_MS + 100_000_000)
  assertWhole(window)
  assert.ok(window.data.times.length <= 301)
})

test('where the daemon keeps it less finely, all of it is of those steps', () => {
  const window = new SeriesWindow(SHORT, ['open'])
  ask(window, START_MS)
  ask(window, START_MS + 10_000, 60_000)
  ask(window, START_MS + 20_000, 60_000)
  assertWhole(window)
  assert.equal(window.data.times[1] - window.data.times[0], 60)
})

test('an answer without anything leaves nothing', () => {
  const window = new SeriesWindow(SHORT, ['open'])
  window.take({ ...answer(START_MS, START_MS, 1_000), series: [] }, START_MS)
  assert.deepEqual(window.data, { times: [], columns: {} })
})
