/** POST /api/v1/services/…/upstreams/…, over a real socket. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type NodeForTest, nodeForTest } from '../../test/harness/node-for-test.ts'
import { Problem, UpstreamStateAnswer, upstreamStatePath } from './contract.ts'
import { BODY_BYTES_MAX } from './json-body.ts'
import { NO_BANS } from '../../test/harness/no-bans.ts'
import { AdminServer } from './server.ts'
import { upstreamPath } from './set-upstream-state.ts'

interface Answer {
  readonly status: number
  readonly allow: string | undefined
  readonly body: string
}

describe('setting the state of an upstream', () => {
  let node: NodeForTest
  let server: AdminServer
  let calls: string[] = []
  before(async () => {
    node = nodeForTest()
    server = await AdminServer.listen({ family: 4, address: '127.0.0.1', port: 0 }, node, {
      setUpstreamState: async (service, upstream, to, by) => {
        calls.push(`${service.name} ${upstream.name} ${to} ${by}`)
        node.memory.states.setWanted(upstream.index, to)
        return { from: 'up', stored: true, closes: false, usableLeft: 1 }
      },
      upgrade: () => assert.fail('not asked for'),
      bans: NO_BANS,
      reload: { run: () => assert.fail('not asked for'), check: () => assert.fail('not asked for') },
    })
  })
  after(() => server.close())
  beforeEach(() => (calls = []))

  function ask(
    path: string,
    body: string,
    headers: Record<string, string> = { 'content-type': 'application/json' },
    method = 'POST',
  ): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const { port } = server.address
    const call = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, allow: response.headers.allow, body: text }))
    })
    call.on('error', reject)
    call.end(body)
    return promise
  }

  const MAIN = upstreamStatePath('web', 'main')

  test('a state that is set is answered with the upstream as it is now', async () => {
    const { status, body } = await ask(MAIN, '{ "state": "drain" }')
    assert.equal(status, 200)
    const { upstream, ...change } = UpstreamStateAnswer.parse(JSON.parse(body))
    assert.deepEqual(change, { service: 'web', from: 'up', stored: true, closes: false, usableLeft: 1 })
    assert.deepEqual([upstream.name, upstream.wanted], ['main', 'drain'])
    assert.deepEqual(calls, ['web main drain 127.0.0.1'])
  })

  test('unknown names are 404 with what was probably meant, or with what there is', async () => {
    for (const [service, upstream, detail] of [
      ['wbe', 'main', 'There is no service "wbe". Did you mean web?'],
      ['nothing', 'main', 'There is no service "nothing". This node has web, mail.'],
      ['web', 'mian', 'There is no upstream "mian". Did you mean main?'],
      ['mail', 'x/../y', 'There is no upstream "x/../y". Service mail has smtp.'],
    ]) {
      const { status, body } = await ask(upstreamStatePath(service, upstream), '{ "state": "up" }')
      assert.deepEqual([status, Problem.parse(JSON.parse(body)).detail], [404, detail])
    }
    assert.equal((await ask('/api/v1/services/%zz/upstreams/main', '{ "state": "up" }')).status, 404)
    assert.deepEqual(calls, [])
  })

  test('a wrong body is 400 with what is expected', async () => {
    for (const [body, detail] of [
      ['{ "state": "dwon" }', /^state: expected up, drain or down\.$/],
      ['{}', /^state: expected up, drain or down\.$/],
      ['{ "state": "up", "force": true }', /force/],
      ['"up"', /object/],
      ['{ "state": ', /^The body is not JSON\.$/],
      ['', /^The body is not JSON\.$/],
    ] as const) {
      const answer = await ask(MAIN, body)
      assert.equal(answer.status, 400, body)
      assert.match(Problem.parse(JSON.parse(answer.body)).detail, detail)
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
    const { status, allow } = await ask(MAIN, '', {}, 'PUT')
    assert.deepEqual([status, allow], [405, 'POST'])
    const reading = await ask('/metrics', '{}')
    assert.deepEqual([reading.status, reading.allow], [405, 'GET, HEAD'])
  })

  test('web pages are refused before anything is looked at', async () => {
    const type = { 'content-type': 'application/json' }
    assert.equal((await ask(MAIN, '{ "state": "down" }', { ...type, origin: 'http://evil.example' })).status, 403)
    assert.equal((await ask(MAIN, '{ "state": "down" }', { ...type, host: 'evil.example:9900' })).status, 403)
    assert.equal((await ask('/metrics', '', { host: 'evil.example' }, 'GET')).status, 403)
    assert.deepEqual(calls, [])
  })

  test('addresses are names, too: the path takes every name that a configuration takes', () => {
    for (const upstream of ['192.0.2.10:443', '[2001:db8::1]:443', 'app.example:80', 'a-b_c.d']) {
      assert.deepEqual(upstreamPath(upstreamStatePath('web', upstream)), { service: 'web', upstream })
    }
  })
})
