import assert from 'node:assert/strict'
import { get, type IncomingMessage } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { AdminForTest } from '../../../test/harness/admin-for-test.ts'
import { LIVE_PATH, NodeStatus } from '../contract.ts'

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
})
