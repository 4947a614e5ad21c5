/** `dialOn: first-byte`: clients that say nothing never reach the upstream; those that speak get all that they would have got. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { readHeader } from '../harness/proxy-header.ts'
import { Random } from '../harness/random.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const SILENT_CLIENTS = 60
const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.9 4711 443\r\n'

forBothEnginesAtOnce((engine) => {
  let upstream: Upstream
  let daemon: Daemon
  let socketsAtStart: number

  before(async () => {
    upstream = await Upstream.listen({ onConnection: echo })
    const upstreams = [upstream.address.text]
    const protect = { dialOn: 'first-byte', firstByteTimeout: '8s' }
    daemon = await Daemon.start({
      engine,
      services: [
        { name: 'flood', upstreams, protect: { ...protect, firstByteTimeout: '1s' } },
        { name: 'patient', upstreams, protect },
        { name: 'drain', upstreams, protect: { ...protect, firstByteTimeout: '3s' } },
        { name: 'to-v2', upstreams, protect, mode: 'proxy-v2' },
        { name: 'from-v1', upstreams, protect, acceptProxyFrom: ['127.0.0.0/8'] },
        { name: 'full', upstreams, protect, maxConnections: 1 },
        { name: 'queue', upstreams, protect, maxConnections: 1, queue: { max: 10, timeout: '20s' } },
      ],
    })
    socketsAtStart = daemon.socketCount()
  })
  beforeEach(() => {
    upstream.forget()
    upstream.onConnection = echo
  })
  after(async () => {
    upstream.close()
    await daemon.stop()
  })

  const connect = (service: string): Promise<Peer> => Peer.connect(daemon.addressOf(service))
  const admitted = (service: string, clients: number): Promise<void> =>
    daemon.waitForMetric('tidegate_connections_open', { service }, clients)

  it('a flood of silent clients is not seen upstream, and ends after firstByteTimeout; one that speaks is served', async () => {
    const silent = await Promise.all(Array.from({ length: SILENT_CLIENTS }, () => connect('flood')))
    const speaking = await connect('flood')
    await speaking.write('hello')
    await speaking.receiveText('hello')
    const endings = await Promise.all(silent.map((client) => client.receiveAll()))
    assert.ok(endings.every(({ ending }) => ending === 'reset'))
    assert.equal(upstream.connections.length, 1)
    for (const client of silent) {
      const line = await daemon.lineOf(client)
      assert.deepEqual([line.reason, line.upstream, line.attempts], ['first-byte-timeout', null, 0])
    }
    await daemon.waitForMetric('tidegate_strikes_total', { service: 'flood', kind: 'first-byte' }, SILENT_CLIENTS)
    speaking.finish()
    assert.equal((await daemon.lineOf(speaking)).reason, 'client-closed')
    await daemon.waitForSocketCount(socketsAtStart)
  })

  it('what a client says late reaches the upstream whole, and the answer comes back', async () => {
    const client = await connect('patient')
    await admitted('patient', 1)
    await sleep(200)
    assert.equal(upstream.connections.length, 0)
    client.socket.write('first, ')
    client.socket.end('and last')
    const { bytes, ending } = await client.receiveAll()
    assert.deepEqual([bytes.toString(), ending], ['first, and last', 'fin'])
    const line = await daemon.lineOf(client)
    assert.deepEqual([line.reason, line.bytesToUpstream, line.bytesToClient], ['client-closed', 15, 15])
  })

  it('what was said before the client was accepted counts', async () => {
    const clients = await daemon.frozen(async () => {
      const early = await Promise.all(Array.from({ length: 5 }, () => connect('patient')))
      for (const client of early) client.socket.end('early')
      return early
    })
    for (const client of clients) {
      assert.equal((await client.receiveAll()).bytes.toString(), 'early')
      assert.equal((await daemon.lineOf(client)).reason, 'client-closed')
    }
  })

  for (const [before, how] of (['finish', 'reset'] as const).entries()) {
    it(`a client that leaves (${how}) before its first byte was never the upstream's`, async () => {
      const client = await connect('patient')
      await admitted('patient', 1)
      client[how]()
      const line = await daemon.lineOf(client)
      assert.deepEqual([line.reason, line.attempts], ['client-left', 0])
      assert.equal(upstream.connections.length, 0)
      await daemon.waitForMetric('tidegate_strikes_total', { service: 'patient', kind: 'unused' }, before + 1)
      client.destroy()
      await daemon.waitForSocketCount(socketsAtStart)
    })
  }

  it('mode proxy-v2: header and first bytes come together, when there are some', async () => {
    upstream.onConnection = undefined
    const client = await connect('to-v2')
    await admitted('to-v2', 1)
    assert.equal(upstream.connections.length, 0)
    await client.write('hello')
    const server = await upstream.next()
    const header = await waitFor('the whole header', () => readHeader(server.received))
    assert.equal(header.source, client.localText)
    const all = await server.receive(header.length + 5)
    assert.equal(all.subarray(header.length).toString(), 'hello')
    client.destroy()
    server.destroy()
  })

  it('a PROXY header of the client is no first byte; what comes behind it is', async () => {
    const [alone, together] = await Promise.all([connect('from-v1'), connect('from-v1')])
    await alone.write(V1)
    await together.write(`${V1}together`)
    await together.receiveText('together')
    assert.equal(upstream.connections.length, 1)
    await alone.write('alone')
    await alone.receiveText('alone')
    alone.destroy()
    together.destroy()
  })

  it('silent clients take no place of their service', async () => {
    const silent = await Promise.all([connect('full'), connect('full'), connect('full')])
    await admitted('full', 3)
    const served = await connect('full')
    await served.write('hello')
    await served.receiveText('hello')
    await silent[0].write('me too')
    assert.equal((await silent[0].receiveAll()).ending, 'reset')
    assert.equal((await daemon.lineOf(silent[0])).reason, 'service-full')
    served.finish()
    await daemon.lineOf(served)
    await silent[1].write('and now?')
    await silent[1].receiveText('and now?')
    for (const client of silent) client.destroy()
  })

  it('with a queue they join it with their first byte, and not before', async () => {
    const [first, silent, second] = [await connect('queue'), await connect('queue'), await connect('queue')]
    await admitted('queue', 3)
    await first.write('first')
    await first.receiveText('first')
    await second.write('second')
    await daemon.waitForMetric('tidegate_queue_waiting', { service: 'queue' }, 1)
    first.finish()
    await second.receiveText('second')
    second.finish()
    await daemon.lineOf(second)
    await silent.write('third')
    await silent.receiveText('third')
    silent.destroy()
  })

  it('whatever many clients do, every place is given back', async () => {
    const random = new Random(7)
    const acts: ((client: Peer) => unknown)[] = [
      (client) => client.finish(),
      (client) => client.reset(),
      (client) => client.destroy(),
      (client) => client.socket.end('hello'),
      (client) => client.socket.write('hello', () => client.reset()),
      (client) => client.socket.write('hello', () => client.destroy()),
      (client) => client.socket.write('hello', () => setTimeout(() => client.finish(), 20)),
    ]
    for (const service of ['full', 'queue', 'patient']) {
      const clients = await Promise.all(Array.from({ length: 80 }, () => connect(service)))
      for (const client of clients) setTimeout(() => acts[random.integer(acts.length)](client), random.integer(150))
      await Promise.all(clients.map((client) => client.ending))
      await admitted(service, 0)
      const last = await connect(service)
      await last.write('is there a place?')
      await last.receiveText('is there a place?')
      last.finish()
      await daemon.lineOf(last)
    }
    await daemon.waitForMetric('tidegate_upstream_connections_open', {}, 0)
  })

  it('nothing is left open', () => daemon.waitForSocketCount(socketsAtStart))

  // The last: it ends the daemon.
  it('a drain serves those who speak late, and waits for the silent no longer than firstByteTimeout', async () => {
    const [speaking, silent] = await Promise.all([connect('drain'), connect('drain')])
    await admitted('drain', 2)
    daemon.signal('SIGTERM')
    await daemon.waitForLine('the drain', (line) => line.event === 'draining')
    speaking.socket.end('late')
    assert.equal((await speaking.receiveAll()).bytes.toString(), 'late')
    assert.equal((await silent.receiveAll()).ending, 'reset')
    assert.equal((await daemon.lineOf(silent)).reason, 'first-byte-timeout')
    assert.equal((await daemon.exit()).code, 0)
  })
})
