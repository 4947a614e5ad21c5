import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { type AdminAnswer, AdminForTest, NO_ACTIONS } from '../../test/harness/admin-for-test.ts'
import { type NodeForTest, nodeForTest } from '../../test/harness/node-for-test.ts'
import type { ReloadOutcome } from '../control/reload/reload.ts'
import { StartError } from '../control/workers/start-error.ts'
import { CALL_DEADLINE_MS } from '../control/store/store.ts'
import {
  ADMIN_PATHS,
  ANSWER_TIMEOUT_MS,
  DRY_RUN_PARAMETER,
  NodeStatus,
  Problem,
  RELOAD_PATH,
  ReloadAnswer,
} from './contract.ts'
import { type AdminActions, hasRoom, LOCAL_RESERVE, SOCKET_TIMEOUT_MS } from './server.ts'

const CHECKED: ReloadOutcome = { kind: 'failed', code: 'E_TEST', text: 'checked' }
const ACTIONS: AdminActions = {
  ...NO_ACTIONS,
  reload: { run: async () => ({ ...CHECKED, text: 'run' }), check: async () => CHECKED },
}

describe('the admin API', () => {
  let node: NodeForTest
  let admin: AdminForTest
  before(async () => {
    node = nodeForTest()
    admin = await AdminForTest.start({ node, actions: ACTIONS })
  })
  after(() => admin.close())

  const ask = (path: string, method = 'GET'): Promise<AdminAnswer> => admin.ask(method, path)

  /** Everything the server says to these bytes, until it closes. */
  async function say(text: string): Promise<string> {
    const socket = connect(admin.port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk))
    socket.write(text)
    await once(socket, 'close')
    return answer
  }

  test('healthz says alive, whatever the state', async () => {
    node.become('draining')
    const { status, headers, text } = await ask(ADMIN_PATHS.health)
    assert.deepEqual([status, headers['content-type'], text], [200, 'text/plain; charset=utf-8', 'ok\n'])
    node.become('ready')
  })

  test('readyz is 200 only while all listeners are open and nothing drains, and says why not', async () => {
    assert.equal((await ask(ADMIN_PATHS.ready)).status, 200)
    for (const [state, why] of [
      ['starting', /listeners/],
      ['draining', /draining/],
    ] as const) {
      node.become(state)
      const { status, headers, body } = await ask(ADMIN_PATHS.ready)
      assert.equal(status, 503)
      assert.equal(headers['content-type'], 'application/problem+json')
      assert.match(Problem.parse(body).detail, why)
    }
    node.become('ready')
  })

  test('metrics are Prometheus text', async () => {
    const { status, headers, text } = await ask(`${ADMIN_PATHS.metrics}?x=1`)
    assert.equal(status, 200)
    assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
    assert.match(text, /^tidegate_connections_max 1000$/m)
  })

  test('status.json keeps the contract', async () => {
    const { body } = await ask(ADMIN_PATHS.status)
    const status = NodeStatus.parse(body)
    assert.deepEqual(
      status.services.map(({ name, listeners }) => [name, ...listeners]),
      [
        ['web', '*:443'],
        ['mail', '192.0.2.1:25'],
      ],
    )
    assert.deepEqual(status.services[0].upstreams[0].addresses, [
      { address: '203.0.113.10:443', failedRecently: false },
      { address: '203.0.113.11:443', failedRecently: false },
    ])
  })

  test('what is not there is 404 with the paths there are, as a problem', async () => {
    for (const path of ['/nope', '/constructor', '//metrics']) {
      const { status, headers, body } = await ask(path)
      assert.equal(status, 404, path)
      assert.equal(headers['content-type'], 'application/problem+json')
      assert.match(Problem.parse(body).detail, /\/status\.json/)
    }
  })

  test('other methods are 405 with what is allowed, and HEAD has no body', async () => {
    const { status, headers } = await ask(ADMIN_PATHS.metrics, 'DELETE')
    assert.equal(status, 405)
    assert.equal(headers.allow, 'GET, HEAD')
    const head = await ask(ADMIN_PATHS.health, 'HEAD')
    assert.deepEqual([head.status, head.text], [200, ''])
  })

  test('a request with a body is answered and its connection closed', async () => {
    const answer = await say('POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc')
    assert.match(answer, /^HTTP\/1\.1 405 /)
  })

  test('a reload is a POST; with dryRun it is only looked at, and its outcome sets the status', async () => {
    const checked = await ask(`${RELOAD_PATH}?${DRY_RUN_PARAMETER}=true`, 'POST')
    assert.deepEqual([checked.status, ReloadAnswer.parse(checked.body).text], [503, 'checked'])
    const run = await ask(RELOAD_PATH, 'POST')
    assert.deepEqual([run.status, ReloadAnswer.parse(run.body).text], [503, 'run'])
    const looked = await ask(RELOAD_PATH)
    assert.deepEqual([looked.status, looked.headers.allow], [405, 'POST'])
  })

  test('too many headers, or what is no HTTP, ends in an error and a closed connection', async () => {
    assert.match(
      await say(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
      /^HTTP\/1\.1 431 /,
    )
    assert.match(await say('\u0016\u0003\u0001 hello\r\n\r\n'), /^HTTP\/1\.1 400 /)
  })

  test('what there is to say about a store that hangs comes before anybody hangs up', () => {
    assert.ok(CALL_DEADLINE_MS < SOCKET_TIMEOUT_MS && SOCKET_TIMEOUT_MS < ANSWER_TIMEOUT_MS)
  })

  test('who sends no request is cut off', { timeout: 20_000 }, async () => {
    assert.match(await say('GET /healthz HTTP/1.1\r\nHost: localhost\r\n'), /^HTTP\/1\.1 408 /)
  })

  test('more connections than adminConnectionsMax are dropped', async () => {
    const { adminConnectionsMax } = node.limits
    const sockets = Array.from({ length: adminConnectionsMax + 5 }, () => connect(admin.port, '127.0.0.1'))
    const closed = sockets.map(async (socket) => {
      await once(
        socket.resume().on('error', () => {}),
        'close',
      )
      return socket
    })
    const dropped = new Set<unknown>()
    for (let i = 0; i < 5; i++) {
      dropped.add(await Promise.race(closed.filter((_, j) => !dropped.has(sockets[j]))))
    }
    assert.equal(dropped.size, 5)
    for (const socket of sockets) socket.destroy()
  })

  test('an address that is taken is a StartError that names admin.listen', async () => {
    const again = AdminForTest.start({ address: admin.server.address })
    await assert.rejects(again, (error: unknown) => {
      assert.ok(error instanceof StartError)
      assert.equal(error.code, 'E_ADMIN_LISTEN')
      assert.match(error.message, /^Cannot listen on 127\.0\.0\.1:\d+: another process holds it .* admin\.listen\.$/)
      return true
    })
  })
})

test('an error that nobody expected is answered as such, and told of with its stack, once', async (t) => {
  const told: string[] = []
  const broken = { ...nodeForTest(), tables: () => assert.fail('a defect') }
  const admin = await AdminForTest.start({
    node: broken,
    onDefect: ({ stack }, route) => told.push(route, stack ?? ''),
  })
  t.after(() => admin.close())
  for (let i = 0; i < 3; i++) {
    const { status, body } = await admin.get(ADMIN_PATHS.status)
    assert.deepEqual([status, Problem.parse(body).code], [500, 'E_INTERNAL'])
  }
  assert.equal((await admin.get('/api/v1/bans?limit=0')).status, 400)
  assert.deepEqual([told.length, told[0]], [2, 'GET /status.json'])
  assert.match(told[1], /a defect[^]*status\.ts/)
})

test('the last connections are for this machine: strangers can not keep the command line out', () => {
  for (const [connections, localAddress, has] of [
    [64 - LOCAL_RESERVE - 1, '192.0.2.1', true],
    [64 - LOCAL_RESERVE, '192.0.2.1', false],
    [64 - LOCAL_RESERVE, '2001:db8::1', false],
    [64 - LOCAL_RESERVE, '', false],
    [63, '127.0.0.1', true],
    [63, '::1', true],
  ] as const) {
    assert.equal(hasRoom(connections, 64, localAddress), has, `${connections} ${localAddress}`)
  }
})

test('every answer keeps pages of others out, also one to a path that can not be read', async (t) => {
  const admin = await AdminForTest.start()
  t.after(() => admin.close())
  for (const path of ['/', '/%zz', '/nowhere', '/healthz']) {
    const { headers } = await admin.get(path)
    assert.match(String(headers['content-security-policy']), /^default-src 'none'/, path)
    assert.deepEqual([headers['x-content-type-options'], headers['x-frame-options']], ['nosniff', 'DENY'], path)
  }
})
