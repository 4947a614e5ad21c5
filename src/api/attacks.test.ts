import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nodeForTest } from '../../test/harness/node-for-test.ts'
import { SOURCE_SPAN_NAMES } from '../control/detect/visitors.ts'
import { attacks, top } from './attacks.ts'
import { AttacksAnswer, Problem, TOP_SPANS, TopAnswer } from './contract.ts'

const node = nodeForTest()

test('the API has the same words for what is one source as control', () => {
  assert.deepEqual(TOP_SPANS, SOURCE_SPAN_NAMES)
})

describe('/api/v1/attacks', () => {
  test('lists them, and knows the paths that are its own', () => {
    const answer = attacks(node, '/api/v1/attacks')!
    assert.deepEqual(AttacksAnswer.parse(JSON.parse(answer.body)), { services: [], attacks: [] })
    assert.equal(attacks(node, '/api/v1/attackss'), undefined)
  })

  for (const id of ['1', '', 'x', '1/2', '-1', '9'.repeat(30)]) {
    test(`there is no attack ${JSON.stringify(id)}`, () => {
      assert.equal(attacks(node, `/api/v1/attacks/${id}`)?.status, 404)
    })
  }
})

describe('/api/v1/top', () => {
  const ask = (query: string) => top(node, new URLSearchParams(query))

  test('answers by address where nobody says otherwise', () => {
    assert.deepEqual(TopAnswer.parse(JSON.parse(ask('').body)), { by: 'address', seconds: 5, sources: [] })
    assert.equal(TopAnswer.parse(JSON.parse(ask('by=prefix&service=web&limit=100').body)).by, 'prefix')
  })

  for (const [query, status, detail] of [
    ['by=asn', 400, /by is asn; expected address or prefix/],
    ['limit=0', 400, /limit is 0; expected 1 to 100/],
    ['limit=101', 400, /limit is 101/],
    ['service=shop', 404, /There is no service shop; there is web, mail/],
  ] as const) {
    test(`${query} is answered with ${status}`, () => {
      const answer = ask(query)
      assert.equal(answer.status, status)
      assert.match(Problem.parse(JSON.parse(answer.body)).detail, detail)
    })
  }
})
