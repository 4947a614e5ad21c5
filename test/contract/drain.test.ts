/** Stopping: no new clients, the old ones may finish, and nobody waits for ever. */
import assert from 'node:assert/strict'
import { afterEach, it } from 'node:test'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { wholeStream } from '../harness/test-stream.ts'
import { echo, Upstream } from '../harness/upstream.ts'

forEachEngine((engine) => {
  const open: { stop(): void | Promise<void> }[] = []

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop()
  })

  async function start(drainTimeout: string): Promise<{ daemon: Daemon; upstream: Upstream }> {
    const upstream = await Upstream.listen({ onConnection: echo })
    open.push({ stop: () => upstream.close() })
    const daemon = await Daemon.start({
      engine,
      traffic: { drainTimeout },
      services: [{ upstreams: [upstream.address.text] }],
    })
    open.push(daemon)
    return { daemon, upstream }
  }

  async function openClient(daemon: Daemon): Promise<Peer> {
    const client = await Peer.connect(daemon.addressOf())
    await client.write('hello')
    await client.receiveText('hello')
    return client
  }

  async function listeningEnds(daemon: Daemon): Promise<void> {
    await waitFor('new connects to be refused', async () => {
      const probe = await Peer.connect(daemon.addressOf()).catch((error: NodeJS.ErrnoException) => error)
      if (!(probe instanceof Peer)) return probe.code === 'ECONNREFUSED'
      probe.reset()
      return false
    })
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal} with no connections ends the daemon at once, long before drainTimeout`, async () => {
      const { daemon } = await start('1h')
      daemon.signal(signal)
      assert.deepEqual(await daemon.exit(), { code: 0, signal: null })
    })
  }

  it('while draining, new clients are refused, old ones go on, and the last one ends the daemon', async () => {
    const { daemon } = await start('1h')
    const client = await openClient(daemon)
    assert.equal((await daemon.get('/readyz')).status, 200)
    daemon.signal('SIGTERM')
    await listeningEnds(daemon)
    assert.equal((await daemon.get('/readyz')).status, 503)
    assert.equal((await daemon.get('/healthz')).status, 200)
    const bytes = wholeStream(2, 3_000_000)
    client.socket.end(bytes)
    const seen = await client.receiveAll()
    assert.equal(seen.bytes.length, 5 + bytes.length)
    assert.ok(seen.bytes.subarray(5).equals(bytes))
    assert.equal(seen.ending, 'fin')
    assert.deepEqual(await daemon.exit(), { code: 0, signal: null })
    assert.equal((await daemon.lineOf(client)).reason, 'client-closed')
  })

  it('after drainTimeout what is left is reset, with the reason drained, and the exit code is 0', async () => {
    const { daemon } = await start('700ms')
    const clients = [await openClient(daemon), await openClient(daemon), await openClient(daemon)]
    daemon.signal('SIGTERM')
    for (const client of clients) assert.equal((await client.receiveAll()).ending, 'reset')
    assert.deepEqual(await daemon.exit(), { code: 0, signal: null })
    for (const client of clients) {
      const line = await daemon.lineOf(client)
      assert.equal(line.reason, 'drained')
      assert.ok(line.durationMs >= 650, `reset after ${line.durationMs} ms`)
      assert.equal(line.bytesToUpstream, 5)
    }
  })

  it('a second signal ends it at once', async () => {
    const { daemon } = await start('1h')
    const client = await openClient(daemon)
    daemon.signal('SIGTERM')
    await listeningEnds(daemon)
    daemon.signal('SIGTERM')
    await daemon.exit()
    assert.equal((await client.receiveAll()).ending, 'reset')
    assert.equal((await daemon.lineOf(client)).reason, 'drained')
  })

  it('upstreams are told as well', async () => {
    const { daemon, upstream } = await start('300ms')
    await openClient(daemon)
    const server = await upstream.next()
    daemon.signal('SIGTERM')
    assert.equal((await server.receiveAll()).ending, 'reset')
    await daemon.exit()
  })

  it('clients that have connected but were not accepted yet are served, not dropped', async () => {
    const { daemon } = await start('1h')
    const clients = await daemon.frozen(async () => {
      const peers = await Promise.all(Array.from({ length: 10 }, () => Peer.connect(daemon.addressOf())))
      daemon.signal('SIGTERM')
      return peers
    })
    for (const client of clients) client.socket.end('hello')
    for (const client of clients) {
      const seen = await client.receiveAll()
      assert.equal(seen.ending, 'fin')
      assert.equal(seen.bytes.toString(), 'hello')
    }
    assert.deepEqual(await daemon.exit(), { code: 0, signal: null })
  })
})
