/** Receivers are told of what happens to a real daemon, over reloads and kills; and can be tested. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, it } from 'node:test'
import { HttpReceiver } from '../../src/control/notify/receiver-for-test.ts'
import { NotificationsAnswer, NotificationTestAnswer } from '../../src/api/contract.ts'
import { temporaryFolder } from '../harness/config.ts'
import { Daemon, runTidegate } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { HealthServer, status } from '../harness/health-server.ts'
import { Peer } from '../harness/peer.ts'
import { Versions } from '../harness/versions.ts'

const SECRET = 'of-a-test-and-of-nobody-else'

interface Body {
  readonly data: { readonly title: string; readonly changes: readonly { readonly summary: string }[] }
}

forEachEngine((engine) => {
  const open: { stop(): void | Promise<void> }[] = []

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop()
  })

  async function receiver(): Promise<HttpReceiver> {
    const made = await HttpReceiver.listen()
    open.push({ stop: () => made.close() })
    return made
  }

  async function start(ops: HttpReceiver, rules: readonly object[]) {
    const upstream = await HealthServer.listen()
    open.push({ stop: () => upstream.close() })
    const versions = await Versions.start({
      engine,
      env: { HOOK_SECRET: SECRET },
      admin: { stateDir: join(temporaryFolder(), 'state') },
      notify: { webhooks: [{ name: 'ops', url: ops.url, secret: '${HOOK_SECRET}' }], rules },
      services: [
        { name: 'web', upstreams: [{ address: upstream.address.text, name: 'a' }], check: { interval: '100ms' } },
      ],
    })
    const { daemon } = versions
    open.push(versions)
    return { daemon, upstream, versions }
  }

  const titles = ({ received }: HttpReceiver): string[] =>
    received.map(({ body }) => (JSON.parse(body) as Body).data.title)

  it('an upstream that goes down and comes back is told of, signed; a reload brings another rule', async () => {
    const ops = await receiver()
    const { daemon, upstream } = await start(ops, [{ when: 'upstream' }])
    upstream.answer = (response) => response.writeHead(500).end('<!channel>\r\nBcc: x')
    await waitFor('the alarm', () => ops.received.length === 1)
    assert.match(titles(ops)[0], /^Upstream a of service web is down: .*500/)
    const { headers, body } = ops.received[0]
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
    const right = createHmac('sha256', SECRET).update(signed).digest('base64')
    assert.equal(headers['webhook-signature'], `v1,${right}`)
    const { body: listed } = await daemon.get('/api/v1/notifications')
    assert.doesNotMatch(listed, new RegExp(SECRET))
    assert.equal(NotificationsAnswer.parse(JSON.parse(listed)).rules[0].active.length, 1)

    upstream.answer = status(200)
    await waitFor('its end', () => ops.received.length === 2)
    assert.equal(titles(ops)[1], 'Upstream a of service web is up again.')

    daemon.editConfig((text) => text.replace('"upstream"', '"all-upstreams-down"'))
    assert.equal((await daemon.post('/api/v1/reload')).status, 200)
    upstream.answer = status(500)
    await waitFor('the new rule', () => ops.received.length === 3)
    assert.match(titles(ops)[2], /^No upstream of service web is left/)
  })

  it('a message that its receiver did not take is sent by the next start, after a kill', async () => {
    const ops = await receiver()
    ops.answer = () => ({ status: 503 })
    const { daemon, upstream } = await start(ops, [{ when: 'upstream' }])
    upstream.answer = status(500)
    await daemon.waitForLine('the failing channel', ({ event }) => event === 'notify-failing')
    const waiting = async (): Promise<boolean> => {
      const { body } = await daemon.get('/api/v1/notifications')
      return NotificationsAnswer.parse(JSON.parse(body)).deliveries[0].attempts === 1
    }
    await waitFor('the first attempt to be noted', waiting)
    daemon.signal('SIGKILL')
    await daemon.exit()
    ops.answer = () => ({ status: 200 })
    const next = Daemon.launchWith(['run', '-c', daemon.configFile], { env: { HOOK_SECRET: SECRET } })
    open.push(next)
    await waitFor('the message', () => ops.received.length === 2)
    assert.equal(ops.received[0].headers['webhook-id'], ops.received[1].headers['webhook-id'])
  })

  it('the version that follows an upgrade goes on: one beginning, one end', async () => {
    const ops = await receiver()
    const { daemon, upstream, versions } = await start(ops, [{ when: 'upstream' }])
    // Whom the old version stays for.
    const client = await Peer.connect(daemon.addressOf())
    upstream.answer = status(500)
    await waitFor('the alarm', () => ops.received.length === 1)
    await versions.upgrade()
    const isSeen = async (): Promise<boolean> => {
      const { status: code, body } = await daemon.get('/api/v1/notifications')
      return code === 200 && NotificationsAnswer.parse(JSON.parse(body)).rules[0].active.length === 1
    }
    await waitFor('the next version to know of it', isSeen)
    const { length } = upstream.asked
    await waitFor('its own checks', () => upstream.asked.length > length + 20)
    upstream.answer = status(200)
    await waitFor('its end', () => ops.received.length === 2)
    assert.deepEqual(titles(ops).slice(1), ['Upstream a of service web is up again.'])
    client.reset()
  })

  it('strangers who get through to an upstream are told of, and the end of it', async () => {
    const ops = await receiver()
    const { daemon, upstream } = await start(ops, [{ when: 'exposure-open' }])
    const { port } = upstream.address
    const look = async (verdict: 'open' | 'filtered'): Promise<void> => {
      const ports = [{ address: '127.0.0.1', port, verdict, ms: 1 }]
      const at = new Date().toISOString()
      const body = { version: 1, host: '127.0.0.1', at, tookMs: 1, from: ['198.51.100.7'], ports }
      assert.equal((await daemon.ask('POST', '/api/v1/exposure', { body })).status, 200)
    }
    await look('open')
    await waitFor('the alarm', () => ops.received.length === 1)
    await look('filtered')
    await waitFor('its end', () => ops.received.length === 2)
    assert.deepEqual(titles(ops), [
      `Upstream a of service web answers strangers on ${port}, says local at 198.51.100.7: close its ports to all but our nodes.`,
      'No vantage says any more that upstream a of service web answers strangers.',
    ])
  })

  it('the test button and command say what came of it; a token in a URL is shown to nobody', async () => {
    const ops = await receiver()
    const { daemon } = await start(ops, [])
    const { status: code, body } = await daemon.ask('POST', '/api/v1/notifications/test', { body: { channel: 'ops' } })
    assert.equal(code, 200)
    const { results } = NotificationTestAnswer.parse(JSON.parse(body))
    assert.deepEqual(
      results.map(({ channel, ok, error }) => [channel, ok, error]),
      [['ops', true, null]],
    )
    ops.answer = () => ({ status: 410, text: 'gone' })
    const { host, port } = daemon.adminAddress
    const tested = await runTidegate(['notify', 'test', '--admin', `${host}:${port}`])
    assert.deepEqual([tested.code, tested.output], [1, 'ops: not taken: answered 410: gone.\n'])
    const shown = await runTidegate(['notify', '--admin', `${host}:${port}`])
    assert.equal(shown.code, 0)
    assert.match(shown.output, /ops +webhook +127\.0\.0\.1:\d+/)
    assert.doesNotMatch(shown.output, /\/hook/)
    assert.equal((await daemon.ask('POST', '/api/v1/notifications/test', { body: { channel: 'no' } })).status, 404)
    assert.equal((await daemon.ask('POST', '/api/v1/notifications/test', { body: { chanel: 'ops' } })).status, 400)
  })
})
