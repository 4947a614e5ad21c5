/** Metrics and log say what happened, and the same. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { CLOSE_REASON_NAMES } from '../../src/traffic/close-reason.ts'
import { Daemon, type ConnectionLine } from '../harness/daemon.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { closedAddress, echo, Upstream } from '../harness/upstream.ts'
import { differs } from './differences.ts'

forEachEngine((engine) => {
  let upstream: Upstream
  let resetting: Upstream
  let daemon: Daemon

  before(async () => {
    upstream = await Upstream.listen({ onConnection: echo })
    resetting = await Upstream.listen({ onConnection: (peer) => peer.reset() })
    const refused = await closedAddress()
    daemon = await Daemon.start({
      engine,
      services: [
        { name: 'web', upstreams: [{ address: upstream.address.text, name: 'main' }] },
        { name: 'v2', mode: 'proxy-v2', upstreams: [upstream.address.text] },
        { name: 'dead', upstreams: [refused.text], retryFailedAfter: '1h' },
        { name: 'rude', upstreams: [resetting.address.text] },
        { name: 'header', upstreams: [upstream.address.text], acceptProxyFrom: ['127.0.0.0/8'] },
        { name: 'idle', upstreams: [upstream.address.text], idleTimeout: '300ms' },
      ],
    })
  })
  after(async () => {
    upstream.close()
    resetting.close()
    await daemon.stop()
  })

  async function visit(service: string, bytes: number): Promise<ConnectionLine> {
    const client = await Peer.connect(daemon.addressOf(service))
    await client.write(Buffer.alloc(bytes, 'x'))
    await client.receive(bytes)
    client.finish()
    await client.receiveAll()
    return daemon.lineOf(client)
  }

  it('a line has every field, each with a sensible value', async () => {
    const before = Date.now()
    const line = await visit('web', 1000)
    const fields =
      'time service id client listener upstream attempts reason bytesToUpstream bytesToClient durationMs connectMs firstByteMs clientRttMs upstreamRttMs retransmits'
    for (const field of fields.split(' ')) assert.ok(field in line, `${field} is missing in ${JSON.stringify(line)}`)
    assert.equal(line.service, 'web')
    assert.equal(line.upstream, 'main')
    assert.match(line.id, /^[0-9a-f]{24}$/)
    assert.equal(line.listener, daemon.addressOf('web').text)
    assert.equal(line.bytesToUpstream, 1000)
    assert.equal(line.bytesToClient, 1000)
    const time = Date.parse(line.time)
    assert.ok(time >= before - 1 && time <= Date.now() + 1, JSON.stringify(line))
    const [duration, connect, firstByte] = [line.durationMs, line.connectMs ?? -1, line.firstByteMs ?? -1]
    assert.ok(connect >= 0 && firstByte >= connect && duration >= firstByte, JSON.stringify(line))
  })

  it('RTTs and retransmits come from the kernel', { skip: differs('tcp-info', engine) }, async () => {
    const line = await visit('web', 1000)
    assert.ok(Number(line.clientRttMs) > 0 && Number(line.clientRttMs) < 1000, `${line.clientRttMs}`)
    assert.ok(Number(line.upstreamRttMs) > 0 && Number(line.upstreamRttMs) < 1000, `${line.upstreamRttMs}`)
    assert.equal(line.retransmits, 0)
  })

  it('what the engine can not know is null, not a number', async () => {
    const client = await Peer.connect(daemon.addressOf('dead'))
    await client.receiveAll()
    const line = await daemon.lineOf(client)
    assert.equal(line.connectMs, null)
    assert.equal(line.firstByteMs, null)
    assert.equal(line.upstreamRttMs, null)
    if (differs('tcp-info', engine) !== false) assert.equal(line.clientRttMs, null)
  })

  it('sums of the log are the metrics', async () => {
    for (let i = 1; i <= 10; i++) await visit(i % 2 === 0 ? 'web' : 'v2', i * 100)
    for (let i = 0; i < 3; i++) await (await Peer.connect(daemon.addressOf('dead'))).receiveAll()
    for (let i = 0; i < 4; i++) await (await Peer.connect(daemon.addressOf('rude'))).receiveAll()
    for (let i = 0; i < 2; i++) {
      const client = await Peer.connect(daemon.addressOf('header'))
      await client.write('no header\r\n')
      await client.receiveAll()
    }
    await (await Peer.connect(daemon.addressOf('idle'))).receiveAll()
    await daemon.waitForMetric('tidegate_connections_open', {}, 0)
    const total = (await daemon.metrics()).sum('tidegate_connections_total')
    await daemon.waitForLine('all lines', () => daemon.connectionLines.length === total)
    const metrics = await daemon.metrics()
    const lines = daemon.connectionLines
    const count = (matches: (line: ConnectionLine) => boolean): number => lines.filter(matches).length
    const sum = (of: (line: ConnectionLine) => number): number => lines.reduce((all, line) => all + of(line), 0)

    for (const service of ['web', 'v2', 'dead', 'rude', 'header', 'idle']) {
      assert.equal(
        metrics.sum('tidegate_connections_total', { service }),
        count((line) => line.service === service),
        service,
      )
      for (const reason of CLOSE_REASON_NAMES) {
        const closed = metrics.sum('tidegate_connections_closed_total', { service, reason })
        assert.equal(
          closed,
          count((line) => line.service === service && line.reason === reason),
          `${service} ${reason}`,
        )
      }
    }
    assert.equal(
      metrics.sum('tidegate_bytes_total', { direction: 'to_upstream' }),
      sum((line) => line.bytesToUpstream),
    )
    assert.equal(
      metrics.sum('tidegate_bytes_total', { direction: 'to_client' }),
      sum((line) => line.bytesToClient),
    )
    assert.equal(metrics.sum('tidegate_upstream_connections_open'), 0)
    const connected = count((line) => line.upstream !== null)
    assert.equal(metrics.sum('tidegate_upstream_connect_seconds_count'), connected)
    assert.equal(
      metrics.sum('tidegate_upstream_connect_failures_total', { service: 'dead' }),
      count((line) => line.service === 'dead'),
    )
    assert.equal(metrics.sum('tidegate_upstream_up', { service: 'dead' }), 0)
    assert.equal(metrics.sum('tidegate_upstream_up', { service: 'web' }), 1)
    assert.equal(new Set(lines.map((line) => line.id)).size, lines.length)
  })

  it('open connections are shown per service and upstream while they are open', async () => {
    const clients = await Promise.all(Array.from({ length: 3 }, () => Peer.connect(daemon.addressOf('web'))))
    await daemon.waitForMetric('tidegate_connections_open', { service: 'web' }, 3)
    await daemon.waitForMetric('tidegate_upstream_connections_open', { service: 'web', upstream: 'main' }, 3)
    for (const client of clients) client.destroy()
    await daemon.waitForMetric('tidegate_connections_open', { service: 'web' }, 0)
    await daemon.waitForMetric('tidegate_upstream_connections_open', { service: 'web', upstream: 'main' }, 0)
  })

  it('the endpoints of a ready node answer, and unknown paths do not', async () => {
    assert.equal((await daemon.get('/healthz')).status, 200)
    assert.equal((await daemon.get('/readyz')).status, 200)
    assert.equal((await daemon.get('/nothing-here')).status, 404)
  })

  it('log.connections: none writes no line and counts all the same', async () => {
    const quiet = await Daemon.start({
      engine,
      log: { connections: 'none' },
      services: [{ upstreams: [upstream.address.text] }],
    })
    const client = await Peer.connect(quiet.addressOf())
    await client.write('hello')
    await client.receiveText('hello')
    client.finish()
    await client.receiveAll()
    await quiet.waitForMetric('tidegate_connections_closed_total', {}, 1)
    await quiet.stop()
    assert.equal(quiet.connectionLines.length, 0)
  })
})
