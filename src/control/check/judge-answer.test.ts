import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LinearRegex } from '../../lib/linear-regex/linear-regex.ts'
import { bodyProblem, statusProblem } from './judge-answer.ts'

const ANY_BUT_5XX = { expectStatus: [{ first: 100, last: 499 }], expectBody: undefined }

test('by default any 5xx is an error, and nothing else', () => {
  const bad = Array.from({ length: 500 }, (_, i) => i + 100).filter(
    (status) => statusProblem(status, ANY_BUT_5XX) !== undefined,
  )
  assert.deepEqual(
    bad,
    Array.from({ length: 100 }, (_, i) => i + 500),
  )
})

test('codes and ranges say which statuses are good', () => {
  const expectation = {
    expectStatus: [
      { first: 200, last: 204 },
      { first: 401, last: 401 },
    ],
    expectBody: undefined,
  }
  assert.deepEqual(
    [199, 200, 204, 205, 401, 402].map((status) => statusProblem(status, expectation) === undefined),
    [false, true, true, false, true, false],
  )
  assert.equal(statusProblem(500, expectation), 'HTTP 500, expected 200-204, 401')
})

test('a body has the text in it, or matches the expression', () => {
  const pattern = LinearRegex.parse('^ok\\b', 'i')
  assert.ok(pattern.ok)
  const text = { kind: 'text', text: 'a.b' } as const
  const matching = { kind: 'pattern', pattern: pattern.value } as const
  assert.equal(bodyProblem(200, Buffer.from('xa.by'), text), undefined)
  assert.equal(
    bodyProblem(200, Buffer.from('xaxby'), text),
    'HTTP 200, but its body (5 bytes) has no match for expectBody',
  )
  assert.equal(bodyProblem(200, Buffer.from('OK then'), matching), undefined)
  assert.match(String(bodyProblem(200, Buffer.from('not ok'), matching)), /no match/)
})

test('bytes that are no text are no trouble', () => {
  const text = { kind: 'text', text: 'ü' } as const
  assert.equal(bodyProblem(200, Buffer.concat([Buffer.of(0xff, 0xc3), Buffer.from('ü')]), text), undefined)
})
