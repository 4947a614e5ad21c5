import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { AdminForTest } from '../../../test/harness/admin-for-test.ts'
import { SOURCE_SPAN_NAMES } from '../../control/detect/visitors.ts'
import { AttacksAnswer, Problem, TOP_SPANS, TopAnswer } from '../contract.ts'

test('the API has the same words for what is one source as control', () => {
  assert.deepEqual(TOP_SPANS, SOURCE_SPAN_NAMES)
})

describe('attacks', () => {
  let admin: AdminForTest
  before(async () => (admin = await AdminForTest.start()))
  after(() => admin.close())

  test('are listed', async () => {
    const { body } = await admin.get('/api/v1/attacks')
    assert.deepEqual(AttacksAnswer.parse(body), { services: [], attacks: [] })
  })

  test('so many of them as are asked for', async () => {
    assert.equal((await admin.get('/api/v1/attacks?limit=0')).status, 200)
    assert.equal((await admin.get('/api/v1/attacks?limit=many')).status, 400)
    assert.equal((await admin.get('/api/v1/attacks?color=red')).status, 400)
  })

  for (const id of ['1', '', 'x', '1/2', '-1', '9'.repeat(30)]) {
    test(`there is no attack ${JSON.stringify(id)}`, async () => {
      assert.equal((await admin.get(`/api/v1/attacks/${id}`)).status, 404)
    })
  }

  test('top answers by address where nobody says otherwise', async () => {
    const { body } = await admin.get('/api/v1/top')
    assert.deepEqual(TopAnswer.parse(body), { by: 'address', seconds: 5, sources: [] })
    const byPrefix = await admin.get('/api/v1/top?by=prefix&service=web&limit=100')
    assert.equal(TopAnswer.parse(byPrefix.body).by, 'prefix')
  })

  for (const [query, status, detail] of [
    ['by=asn', 400, /by is "asn"; expected address or prefix/],
    ['limit=0', 400, /limit is "0"; expected 1 to 100/],
    ['limit=101', 400, /limit is "101"/],
    ['service=shop', 404, /There is no service shop; there is web, mail/],
    ['servcie=web', 400, /servcie/],
  ] as const) {
    test(`top?${query} is answered with ${status}`, async () => {
      const answer = await admin.get(`/api/v1/top?${query}`)
      assert.equal(answer.status, status)
      assert.match(Problem.parse(answer.body).detail, detail)
    })
  }
})
