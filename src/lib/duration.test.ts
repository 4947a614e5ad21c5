import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DURATION_MS_MAX, formatDuration, parseDuration } from './duration.ts'

const GOOD: readonly (readonly [text: string, ms: number])[] = [
  ['0s', 0],
  ['0ms', 0],
  ['250ms', 250],
  ['5s', 5_000],
  ['10m', 600_000],
  ['8h', 28_800_000],
  ['24d', 2_073_600_000],
  ['007s', 7_000],
]

for (const [text, ms] of GOOD) {
  test(`parseDuration reads ${text} as ${ms} ms`, () => {
    assert.deepEqual(parseDuration(text), { ok: true, value: ms })
  })
}

const BAD: readonly (readonly [text: string, says: RegExp])[] = [
  ['', /is not a duration/],
  ['5', /no unit; write 5s/],
  ['-5s', /negative/],
  ['1.5s', /fraction/],
  ['1,5s', /fraction/],
  ['5 s', /space before the unit/],
  ['1h30m', /mixes units/],
  ['5S', /is not a duration/],
  ['5sec', /is not a duration/],
  ['s', /is not a duration/],
  [' 5s', /is not a duration/],
  ['5s\n', /is not a duration/],
  ['٥s', /is not a duration/],
  ['1e3s', /is not a duration/],
  ['25d', /too long; the longest duration is 24d/],
  ['999999999999d', /too long/],
  ['9999999999999999999999s', /is not a duration/],
]

for (const [text, says] of BAD) {
  test(`parseDuration refuses ${JSON.stringify(text)}`, () => {
    const parsed = parseDuration(text)
    assert.ok(!parsed.ok)
    assert.match(parsed.problem, says)
  })
}

test('every number of milliseconds survives formatting and parsing', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: DURATION_MS_MAX }), (ms) => {
      assert.deepEqual(parseDuration(formatDuration(ms)), { ok: true, value: ms })
    }),
  )
})

test('formatDuration takes the largest unit that fits', () => {
  assert.deepEqual([0, 1, 1_000, 90_000, 3_600_000, 86_400_000, 1_500].map(formatDuration), [
    '0s',
    '1ms',
    '1s',
    '90s',
    '1h',
    '1d',
    '1500ms',
  ])
})

test('parseDuration answers any text with a number in range or a sentence', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const parsed = parseDuration(text)
      if (parsed.ok) assert.ok(parsed.value >= 0 && parsed.value <= DURATION_MS_MAX)
      else assert.ok(parsed.problem.length > 0)
    }),
  )
})
