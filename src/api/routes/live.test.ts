import assert from 'node:assert/strict'
import { get, type IncomingMessage } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { AdminForTest } from '../../../test/harness/admin-for-test.ts'
import { waitFor } from '../../../test/harness/deadline.ts'
import { nodeForTest } from '../../../test/harness/node-for-test.ts'
import { ADMIN_PATHS, LIVE_PATH, NodeStatus, Problem } from '../contract.ts'

describe('the live stream', () => {
  let admin: AdminForTest
  before(async () => (admin = await AdminForTest.start()))
  after(() => admin.close())

  function watch(): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const headers = { authorization: `Bearer ${AdminForTest.token}` }
    get({ host: '127.0.0.1', port: admin.port, path: LIVE_PATH, headers, agent: false }, resolve).on('error', reject)
    return promise
  }

  /** So many events, then nobody watches any more. */
  async function eventsOf(response: IncomingMessage, count: number): Promise<string[]> {
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk
      const events = text.split('\n\n').filter((event) => event.startsWith('event: '))
      if (events.length > count) return events.slice(0, count)
    }
    throw new Error(`the stream ended after ${text}`)
  }

  test('says what the node is, at once and then every second', async () => {
    const response = await watch()
    assert.equal(response.headers['content-type'], 'text/event-stream')
    const events = await eventsOf(response, 2)
    for (const event of events) {
      const [name, data] = event.split('\n')
      assert.equal(name, 'event: status')
      assert.equal(NodeStatus.parse(JSON.parse(data.replace('data: ', ''))).version, '1.2.3')
    }
  })

  test('is for nobody without credentials', async () => {
    assert.equal((await admin.get(LIVE_PATH, { token: 'none' })).status, 401)
  })

  test('takes no more than half of the connections: others can still ask', async () => {
    const { adminConnectionsMax } = nodeForTest().limits
    const watching = await Promise.all(Array.from({ length: adminConnectionsMax / 2 }, () => watch()))
    assert.deepEqual([...new Set(watching.map(({ statusCode }) => statusCode))], [200])
    const { status, headers, body } = await admin.get(LIVE_PATH)
    assert.deepEqual([status, Problem.parse(body).code, headers['retry-after']], [429, 'E_TOO_MANY', '30'])
    assert.equal((await admin.get(ADMIN_PATHS.status)).status, 200)
    watching[0].destroy()
    await waitFor('a place', async () => {
      const next = await watch()
      next.destroy()
      return next.statusCode === 200
    })
    for (const one of watching) one.destroy()
  })
})
