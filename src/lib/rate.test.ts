import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatRate, parseRate, perSecond } from './rate.ts'

test('a rate is a whole number and a time', () => {
  assert.deepEqual(parseRate('30/s'), { ok: true, value: { count: 30, perMs: 1000 } })
  assert.deepEqual(parseRate('6000/m'), { ok: true, value: { count: 6000, perMs: 60_000 } })
  assert.deepEqual(parseRate('1/h'), { ok: true, value: { count: 1, perMs: 3_600_000 } })
  assert.equal(perSecond({ count: 90, perMs: 60_000 }), 1.5)
})

test('what is none says what to write instead', () => {
  const problems = ['30', '0/s', '1.5/s', '30/min', '30 per second', '-1/s', '', '99999999999/s', '5/d'].map((text) => {
    const rate = parseRate(text)
    return rate.ok ? `${text} was taken` : rate.problem
  })
  assert.deepEqual(problems, [
    'does not say in what time; write 30/s for each second, or use one of s, m, h',
    'is zero; expected at least one, such as 1/m',
    'has a fraction; use a longer time, such as 90/m for 1.5 in a second',
    'has a long unit; use one of s, m, h, as in 30/s',
    'is not a rate; expected a whole number and a time, such as 30/s, 600/m or 20/h',
    'is not a rate; expected a whole number and a time, such as 30/s, 600/m or 20/h',
    'is not a rate; expected a whole number and a time, such as 30/s, 600/m or 20/h',
    'is too large; the largest rate is 10000000/s',
    'is not a rate; expected a whole number and a time, such as 30/s, 600/m or 20/h',
  ])
})

test('a rate is shown as it was written, and a part of one in a time in which it is whole', () => {
  const shown = [
    [30, 1000],
    [6000, 60_000],
    [20, 3_600_000],
    [100, 4000],
    [1, 4000],
    [1, 240_000],
    [1, 14_400_000],
  ].map(([count, perMs]) => formatRate({ count, perMs }))
  assert.deepEqual(shown, ['30/s', '6000/m', '20/h', '25/s', '15/m', '15/h', '0.25/h'])
})
