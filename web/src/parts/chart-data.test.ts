import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chartCsv, marksAt, stepOf, summaryOf } from './chart-data.ts'

const DATA = {
  times: [1_000, 1_010, 1_020],
  lines: [
    { label: 'Let in', values: [1, null, 3.123456] },
    { label: 'Refused', values: [null, null, null] },
  ],
  marks: [{ label: 'Attack 1', fromS: 1_012, toS: 1_015 }],
}

test('the table of a chart has its times, values and marks; what was not measured is empty', () => {
  assert.equal(
    chartCsv(DATA),
    'time,Let in,Refused,marked\r\n' +
      '1970-01-01T00:16:40.000Z,1,,\r\n' +
      '1970-01-01T00:16:50.000Z,,,Attack 1\r\n' +
      '1970-01-01T00:17:00.000Z,3.123,,\r\n',
  )
})

test('the words for a chart name what is now, the least and the most, and what is marked', () => {
  assert.equal(
    summaryOf(DATA, String),
    'Let in: now 3.123456, between 1 and 3.123456; Refused: no values. Marked: Attack 1.',
  )
  assert.equal(summaryOf({ ...DATA, times: [] }, String), 'No values yet.')
})

test('a mark that is under way has no end', () => {
  const marks = [{ label: 'now', fromS: 5 }]
  assert.deepEqual(
    [0, 4, 5, 9_000].map((at) => marksAt(marks, at, 2).length),
    [0, 1, 1, 1],
  )
  assert.equal(stepOf([7]), 1)
})
