/** Clients that find all places taken wait for one: in order, bounded, and never with one connection too many. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { startAnswering } from '../../bench/run/attacks.ts'
import { temporaryFolder, type TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { closedAddress, Upstream } from '../harness/upstream.ts'

const WAITING = 'tidegate_queue_waiting'

forEachEngine((engine) => {
  describe('queue', () => {
    const open: { stop(): void | Promise<void> }[] = []
    let shared: Daemon

    // Two workers: what is bounded is bounded over both.
    before(async () => {
      shared = await Daemon.start({ engine, services: [{ upstreams: [(await closedAddress()).text] }] })
    })
    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
    })
    after(() => shared.stop())

    /** The daemon of all tests; nothing is left of the one before. */
    async function start(service: TestService): Promise<Daemon> {
      await shared.waitForMetric('tidegate_connections_open', {}, 0)
      await shared.serve(service)
      return shared
    }

    /** For tests in which it ends. */
    async function startOwn(service: TestService): Promise<Daemon> {
      const daemon = await Daemon.start({ engine, services: [service] })
      open.push(daemon)
      return daemon
    }

    async function upstreamAt(at: { host?: string; port?: number } = {}): Promise<Upstream> {
      const upstream = await Upstream.listen(at)
      open.push({ stop: () => upstream.close() })
      return upstream
    }

    async function connect(daemon: Daemon, localAddress?: string): Promise<Peer> {
      const client = await Peer.connect(daemon.addressOf(), { localAddress })
      open.push({ stop: () => client.destroy() })
      return client
    }

    /** A client, once it is known to wait: the ones that follow are behind it. */
    async function joined(daemon: Daemon, waiting: number, localAddress?: string): Promise<Peer> {
      const client = await connect(daemon, localAddress)
      await daemon.waitForMetric(WAITING, { service: 'web' }, waiting)
      return client
    }

    const one = (upstream: Upstream, maxConnections = 1) => [{ address: upstream.address.text, maxConnections }]

    it('those who wait are served in the order in which they came, over all workers', async () => {
      const upstream = await upstreamAt()
      const daemon = await start({ upstreams: one(upstream), queue: { max: 20, perClient: 20, timeout: '1m' } })
      const clients = [await connect(daemon)]
      let server = await upstream.next()
      for (let i = 1; i <= 12; i++) {
        const client = await joined(daemon, i)
        await client.write(`client ${i}`)
        clients.push(client)
      }
      for (let i = 1; i <= 12; i++) {
        server.reset()
        server = await upstream.next()
        await server.receiveText(`client ${i}`)
        assert.equal(upstream.connections.length, i + 1)
        assert.equal((await daemon.metrics()).sum(WAITING), 12 - i)
      }
      server.reset()
      await clients[12].receiveAll()
      const line = await daemon.lineOf(clients[12])
      assert.ok(Number(line['queueMs']) > 0, `waited ${String(line['queueMs'])} ms`)
      assert.equal((await daemon.lineOf(clients[0]))['queueMs'], null)
      await daemon.waitForMetric('tidegate_queue_waited_total', { service: 'web' }, 12)
    })

    for (const [what, limits] of [
      ["the upstreams'", (upstream: Upstream) => ({ upstreams: one(upstream, 4) })],
      ["the service's", (upstream: Upstream) => ({ upstreams: [upstream.address.text], maxConnections: 4 })],
    ] as const) {
      it(`a burst above ${what} maxConnections is served completely, and never more at once`, async () => {
        const upstream = await upstreamAt()
        let now = 0
        let most = 0
        upstream.onConnection = (peer) => {
          most = Math.max(most, ++now)
          peer.onData = (chunk) => {
            // Before the answer: with it the client leaves, and the place is free.
            now--
            peer.socket.end(chunk)
          }
        }
        const daemon = await start({ ...limits(upstream), queue: { max: 1000, perClient: 1000, timeout: '1m' } })
        const visit = async (): Promise<void> => {
          const client = await Peer.connect(daemon.addressOf())
          client.socket.end('hello')
          assert.equal((await client.receiveAll()).bytes.toString(), 'hello')
        }
        await Promise.all(Array.from({ length: 300 }, visit))
        assert.equal(upstream.connections.length, 300)
        assert.ok(most <= 4, `${most} at once`)
        await daemon.waitForMetric(WAITING, {}, 0)
        await daemon.waitForMetric('tidegate_connections_open', {}, 0)
      })
    }

    it('a client that leaves frees its place in the queue at once', async () => {
      const upstream = await upstreamAt()
      const daemon = await start({ upstreams: one(upstream), queue: { max: 2, timeout: '1h' } })
      await connect(daemon)
      const server = await upstream.next()
      const leaving = await joined(daemon, 1)
      const staying = await joined(daemon, 2)
      await staying.write('still here')
      leaving.reset()
      await daemon.waitForMetric(WAITING, {}, 1)
      assert.equal((await daemon.lineOf(leaving)).reason, 'client-left')
      await joined(daemon, 2)
      server.reset()
      await (await upstream.next()).receiveText('still here')
    })

    it('with the queue full further clients are refused, and those whose address has too many places are reset', async () => {
      const upstream = await upstreamAt()
      const daemon = await start({ upstreams: one(upstream), queue: { max: 3, perClient: 2, timeout: '1h' } })
      await connect(daemon)
      await upstream.next()
      await joined(daemon, 1, '127.0.0.2')
      await joined(daemon, 2, '127.0.0.2')
      const third = await connect(daemon, '127.0.0.2')
      assert.equal((await third.receiveAll()).ending, 'reset')
      assert.equal((await daemon.lineOf(third)).reason, 'queue-client-full')
      await joined(daemon, 3, '127.0.0.3')
      assert.equal((await (await connect(daemon, '127.0.0.4')).receiveAll()).ending, 'reset')
      await daemon.waitForMetric('tidegate_refused_total', { reason: 'refused-queue-full' }, 1)
    })

    it('perClient counts by the address in a PROXY header that is believed', async () => {
      const upstream = await upstreamAt()
      const queue = { max: 10, perClient: 1, timeout: '1h' }
      const daemon = await start({ upstreams: one(upstream), queue, acceptProxyFrom: ['127.0.0.0/8'] })
      const saying = async (source: string): Promise<Peer> => {
        const client = await connect(daemon)
        await client.write(`PROXY TCP4 ${source} 192.0.2.1 4000 443\r\n`)
        return client
      }
      await saying('203.0.113.1')
      await upstream.next()
      await saying('203.0.113.1')
      await daemon.waitForMetric(WAITING, {}, 1)
      assert.equal((await (await saying('203.0.113.1')).receiveAll()).ending, 'reset')
      await daemon.waitForMetric('tidegate_connections_closed_total', { reason: 'queue-client-full' }, 1)
      await saying('203.0.113.2')
      await daemon.waitForMetric(WAITING, {}, 2)
    })

    it("above the service's ceiling, with the queue full, clients are refused", async () => {
      const upstream = await upstreamAt()
      const queue = { max: 1, timeout: '1h' }
      const daemon = await start({ upstreams: [upstream.address.text], maxConnections: 1, queue })
      await connect(daemon)
      await upstream.next()
      await joined(daemon, 1)
      assert.equal((await (await connect(daemon)).receiveAll()).ending, 'reset')
      await daemon.waitForMetric('tidegate_refused_total', { reason: 'refused-queue-full' }, 1)
    })

    for (const [onFailure, ending] of [
      ['reset', 'reset'],
      ['close', 'fin'],
    ] as const) {
      it(`who waits too long is turned away; onFailure ${onFailure}: the client sees ${ending}`, async () => {
        const upstream = await upstreamAt()
        const queue = { max: 10, timeout: '300ms' }
        const daemon = await start({ upstreams: one(upstream), queue, onFailure })
        await connect(daemon)
        await upstream.next()
        const late = await connect(daemon)
        await late.write('unread')
        assert.equal((await late.receiveAll()).ending, ending)
        const line = await daemon.lineOf(late)
        assert.equal(line.reason, 'queue-timeout')
        assert.ok(Number(line['queueMs']) >= 300, `waited ${String(line['queueMs'])} ms of 300`)
        assert.equal(line.attempts, 0)
        await daemon.waitForMetric(WAITING, {}, 0)
      })
    }

    it('under a flood from one address other clients still get through', async () => {
      // In a process of its own: one that shared ours would accept so slowly that its own queue would keep clients waiting.
      const { port, running } = await startAnswering({ dir: temporaryFolder() })
      open.push(running)
      const upstreams = [{ address: `127.0.0.1:${port}`, maxConnections: 2 }]
      const daemon = await start({ upstreams, queue: { max: 50, perClient: 5, timeout: '1m' } })
      let isFlooding = true
      const flooders = Array.from({ length: 40 }, async () => {
        while (isFlooding) {
          const client = await Peer.connect(daemon.addressOf(), { localAddress: '127.0.0.2' })
          // Says nothing for a moment, so that it keeps its place, or finds none.
          await Promise.race([client.ending, waitFor('a moment', () => !isFlooding, 20).catch(() => {})])
          client.reset()
        }
      })
      for (let i = 0; i < 30; i++) {
        const client = await connect(daemon, '127.0.0.3')
        await client.write('visit 7\n')
        await client.receiveText('aaaaaaa')
        client.destroy()
      }
      isFlooding = false
      await Promise.all(flooders)
      const turnedAway = (await daemon.metrics()).sum('tidegate_connections_closed_total', {
        reason: 'queue-client-full',
      })
      assert.ok(turnedAway > 0)
      await daemon.waitForMetric(WAITING, {}, 0)
    })

    it('a client that waits because the rest of the upstreams failed keeps its turn and is served', async () => {
      const dead = await closedAddress()
      const upstream = await upstreamAt()
      const queue = { max: 10, timeout: '1m' }
      const upstreams = [dead.text, ...one(upstream)]
      const daemon = await start({ upstreams, queue, retryFailedAfter: '0s', outlier: { failures: 'off' } })
      await connect(daemon)
      const first = await upstream.next()
      const waiting = await joined(daemon, 1)
      await waiting.write('served at last')
      first.reset()
      const second = await upstream.next()
      await second.receiveText('served at last')
      second.reset()
      await waiting.receiveAll()
      assert.equal((await daemon.lineOf(waiting)).attempts, 2)
    })

    it('an upstream that comes back is found by those who wait', async () => {
      const dead = await closedAddress()
      const upstream = await upstreamAt()
      const daemon = await start({
        upstreams: [dead.text, ...one(upstream)],
        queue: { max: 10, timeout: '1m' },
        outlier: { failures: 1, ejectFor: '2s' },
      })
      await connect(daemon)
      await upstream.next()
      const waiting = await joined(daemon, 1)
      await waiting.write('there')
      const revived = await upstreamAt({ host: dead.host, port: dead.port })
      await (await revived.next()).receiveText('there')
    })

    it('a stop ends those who wait with those who are served', async () => {
      const upstream = await upstreamAt()
      const daemon = await startOwn({ upstreams: one(upstream), queue: { max: 10, timeout: '1h' } })
      const served = await connect(daemon)
      await upstream.next()
      const waiting = await joined(daemon, 1)
      await daemon.stop()
      assert.equal((await served.receiveAll()).ending, 'reset')
      assert.equal((await waiting.receiveAll()).ending, 'reset')
      assert.equal((await daemon.lineOf(waiting)).reason, 'drained')
    })

    it('while Tidegate drains those who wait are still served', async () => {
      const upstream = await upstreamAt()
      const daemon = await startOwn({ upstreams: one(upstream), queue: { max: 10, timeout: '1h' } })
      const served = await connect(daemon)
      const first = await upstream.next()
      const waiting = await joined(daemon, 1)
      await waiting.write('before the end')
      daemon.signal('SIGTERM')
      await daemon.waitForLine('the drain', ({ event }) => event === 'draining')
      first.reset()
      const second = await upstream.next()
      await second.receiveText('before the end')
      second.reset()
      await Promise.all([served.receiveAll(), waiting.receiveAll()])
      assert.equal((await daemon.exit()).code, 0)
    })
  })
})
