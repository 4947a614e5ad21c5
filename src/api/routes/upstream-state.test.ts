/** POST /api/v1/services/…/upstreams/…, over a real socket. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type AdminAnswer, AdminForTest, NO_ACTIONS } from '../../../test/harness/admin-for-test.ts'
import { type NodeForTest, nodeForTest } from '../../../test/harness/node-for-test.ts'
import { BODY_BYTES_MAX } from '../app.ts'
import { Problem, UpstreamStateAnswer, upstreamStatePath } from '../contract.ts'

describe('setting the state of an upstream', () => {
  let node: NodeForTest
  let admin: AdminForTest
  let calls: string[] = []
  before(async () => {
    node = nodeForTest()
    admin = await AdminForTest.start({
      node,
      actions: {
        ...NO_ACTIONS,
        setUpstreamState: async (service, upstream, to, by) => {
          calls.push(`${service.name} ${upstream.name} ${to} ${by}`)
          node.memory.states.setWanted(upstream.index, to)
          return { from: 'up', stored: true, closes: false, usableLeft: 1 }
        },
      },
    })
  })
  after(() => admin.close())
  beforeEach(() => (calls = []))

  function ask(
    path: string,
    body: string,
    headers: Record<string, string> = { 'content-type': 'application/json' },
    method = 'POST',
  ): Promise<AdminAnswer> {
    return admin.ask(method, path, { body, headers })
  }

  const MAIN = upstreamStatePath('web', 'main')

  test('a state that is set is answered with the upstream as it is now', async () => {
    const { status, body } = await ask(MAIN, '{ "state": "drain" }')
    assert.equal(status, 200)
    const { upstream, ...change } = UpstreamStateAnswer.parse(body)
    assert.deepEqual(change, { service: 'web', from: 'up', stored: true, closes: false, usableLeft: 1 })
    assert.deepEqual([upstream.name, upstream.wanted], ['main', 'drain'])
    assert.deepEqual(calls, ['web main drain local'])
  })

  test('unknown names are 404 with what was probably meant, or with what there is', async () => {
    for (const [service, upstream, detail] of [
      ['wbe', 'main', 'There is no service "wbe". Did you mean web?'],
      ['nothing', 'main', 'There is no service "nothing". This node has web, mail.'],
      ['web', 'mian', 'There is no upstream "mian". Did you mean main?'],
      ['mail', 'x/../y', 'There is no upstream "x/../y". Service mail has smtp.'],
    ]) {
      const { status, body } = await ask(upstreamStatePath(service, upstream), '{ "state": "up" }')
      assert.deepEqual([status, Problem.parse(body).detail], [404, detail])
    }
    assert.equal((await ask('/api/v1/services/%zz/upstreams/main', '{ "state": "up" }')).status, 400)
    assert.deepEqual(calls, [])
  })

  test('a wrong body is 400 with what is expected', async () => {
    for (const [body, detail] of [
      ['{ "state": "dwon" }', /^state is "dwon"; expected up, drain or down\.$/],
      ['{}', /^state: expected up, drain or down\.$/],
      ['{ "state": "up", "force": true }', /force/],
      ['"up"', /object/],
      ['{ "state": ', /^The body is not JSON\.$/],
      ['', /^The body is not JSON\.$/],
    ] as const) {
      const answer = await ask(MAIN, body)
      assert.equal(answer.status, 400, body)
      assert.match(Problem.parse(answer.body).detail, detail)
    }
    assert.deepEqual(calls, [])
  })

  test('a body is JSON by its content-type, and small', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', '']) {
      assert.equal((await ask(MAIN, '{ "state": "up" }', { 'content-type': type })).status, 415, type)
    }
    assert.equal(
      (await ask(MAIN, '{ "state": "up" }', { 'content-type': 'application/json; charset=utf-8' })).status,
      200,
    )
    const padded = `{ "state": "up"${' '.repeat(BODY_BYTES_MAX)}}`
    assert.equal((await ask(MAIN, padded)).status, 413)
    assert.equal(
      (await ask(MAIN, padded, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' })).status,
      413,
    )
    assert.equal(calls.length, 1)
  })

  test('other methods are 405, and the reading paths do not take POST', async () => {
    const { status, headers } = await ask(MAIN, '', {}, 'PUT')
    assert.deepEqual([status, headers.allow], [405, 'POST, PATCH, DELETE'])
    const reading = await ask('/metrics', '{}')
    assert.deepEqual([reading.status, reading.headers.allow], [405, 'GET, HEAD'])
  })

  test('web pages are refused before anything is looked at', async () => {
    const type = { 'content-type': 'application/json' }
    assert.equal((await ask(MAIN, '{ "state": "down" }', { ...type, origin: 'http://evil.example' })).status, 403)
    assert.equal((await ask(MAIN, '{ "state": "down" }', { ...type, host: 'evil.example:9900' })).status, 403)
    assert.equal((await ask('/metrics', '', { host: 'evil.example' }, 'GET')).status, 403)
    assert.deepEqual(calls, [])
  })

  test('addresses are names, too: the path takes every name that a configuration takes', async () => {
    for (const upstream of ['192.0.2.10:443', '[2001:db8::1]:443', 'app.example:80', 'a-b_c.d']) {
      const { status, body } = await ask(upstreamStatePath('web', upstream), '{ "state": "up" }')
      assert.equal(status, 404)
      assert.match(Problem.parse(body).detail, new RegExp(`no upstream "${upstream.replaceAll(/[.[\]]/g, '\\$&')}"`))
    }
  })

  test('the audit log has who did what', async () => {
    admin.audited.length = 0
    await ask(MAIN, '{ "state": "drain" }')
    await ask(MAIN, '{ "state": "dwon" }')
    await admin.ask('POST', MAIN, { body: { state: 'up' }, token: 'none' })
    const told = { who: 'local', from: '127.0.0.1', action: 'upstream.state', target: MAIN }
    assert.deepEqual(admin.audited, [
      { ...told, details: 'drain', status: 200 },
      { ...told, details: '', status: 400 },
    ])
  })
})
