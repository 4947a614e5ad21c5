/**
 * `hedgeAfter`: a second dial beside one that is silent. Every connectTimeout is an hour unless it is what is looked at,
 * so a client that is served was served by a hedge, and nothing is measured by the clock.
 */
import assert from 'node:assert/strict'
import { after, afterEach, describe, it } from 'node:test'
import { upstreamStatePath } from '../../src/api/contract.ts'
import { address, type Address } from '../harness/address.ts'
import type { TestService } from '../harness/config.ts'
import { type ConnectionLine, Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import {
  blackhole,
  clearFirewall,
  hasSysctl,
  letThrough,
  prepareFirewall,
  refuse,
  setSysctl,
} from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'
import { Random } from '../harness/random.ts'
import { socketStates } from '../harness/socket-state.ts'
import { closedAddress, echo, greetThenEcho, Upstream } from '../harness/upstream.ts'

const skip = prepareFirewall() ?? false
/** Linux 6.5: so often a SYN is sent again after a second. Before, and beyond, each time takes twice as long. */
const LINEAR_TIMEOUTS = 'net.ipv4.tcp_syn_linear_timeouts'
if (skip === false && hasSysctl(LINEAR_TIMEOUTS)) setSysctl(LINEAR_TIMEOUTS, '127')
/** Packets to these vanish until a test lets them through; a SYN is sent again every second. */
const SILENT = address('127.0.7.1', 7001)
const SILENT_TOO = address('127.0.7.2', 7002)

/** Connections an upstream may have while the network is mad. */
const PLACES = 30

forEachEngine((engine) => {
  describe('hedge', { skip }, () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
      clearFirewall()
    })
    after(() => clearFirewall())

    async function start(service: TestService, workers = 2): Promise<Daemon> {
      const whole = { hedgeAfter: '100ms', connectTimeout: '1h', ...service }
      const daemon = await Daemon.start({ engine, traffic: { workers }, services: [whole] })
      open.push(daemon)
      return daemon
    }

    async function upstream(at: Partial<Address> = {}, onConnection = echo): Promise<Upstream> {
      const upstream = await Upstream.listen({ host: at.host ?? '127.0.0.1', port: at.port ?? 0, onConnection })
      open.push({ stop: () => upstream.close() })
      return upstream
    }

    async function silentUpstream(at: Address, onConnection = echo): Promise<Upstream> {
      blackhole(at.host, at.port)
      return upstream(at, onConnection)
    }

    async function client(daemon: Daemon): Promise<Peer> {
      const peer = await Peer.connect(daemon.addressOf())
      open.push({ stop: () => peer.destroy() })
      await peer.write('hello')
      return peer
    }

    async function served(daemon: Daemon, peer: Peer): Promise<ConnectionLine> {
      await peer.receiveText('hello')
      peer.finish()
      assert.equal((await peer.receiveAll()).ending, 'fin')
      const line = await daemon.lineOf(peer)
      assert.equal(line.reason, 'client-closed')
      return line
    }

    async function visit(daemon: Daemon): Promise<ConnectionLine> {
      return served(daemon, await client(daemon))
    }

    /** A client with two dials under way. */
    async function hedgedClient(daemon: Daemon): Promise<Peer> {
      const before = (await daemon.metrics()).sum('tidegate_hedges_total')
      const peer = await client(daemon)
      await daemon.waitForMetric('tidegate_hedges_total', { service: 'web' }, before + 1)
      return peer
    }

    /** A hedge is counted before its first packet is sent: who stops the daemon by the count may stop it in between. */
    async function stoppedWithBothDials(daemon: Daemon, during: () => Promise<void>): Promise<void> {
      await waitFor('both dials', () => socketStates('state syn-sent').length === 2)
      await daemon.frozen(during)
    }

    function errorsOf(line: ConnectionLine): string[][] {
      const errors = (line.attemptErrors ?? []) as { address: string; error: string }[]
      return errors.map(({ address, error }) => [address, error])
    }

    async function assertHedges(daemon: Daemon, hedges: number, won: number): Promise<void> {
      await daemon.waitForMetric('tidegate_hedges_total', { service: 'web' }, hedges)
      await daemon.waitForMetric('tidegate_hedges_won_total', { service: 'web' }, won)
    }

    async function setUpstream(daemon: Daemon, state: string, name: string): Promise<void> {
      const { status, body } = await daemon.ask('POST', upstreamStatePath('web', name), { body: { state } })
      assert.equal(status, 200, body)
    }

    it('a client of a silent first upstream is served by the next, and who was overtaken has not failed', async () => {
      blackhole(SILENT.host, SILENT.port)
      const second = await upstream()
      // One place each: a place that is not given back would be missed by the next client.
      const upstreams = [SILENT, second.address].map(({ text }) => ({ address: text, maxConnections: 1 }))
      const daemon = await start({ upstreams, outlier: { failures: 1, maxEjected: '100%' } })
      const sockets = daemon.socketCount()
      for (let i = 0; i < 4; i++) {
        const line = await visit(daemon)
        assert.deepEqual([line.upstream, line.attempts], [second.address.text, 2])
        assert.deepEqual(errorsOf(line), [[SILENT.text, 'overtaken']])
      }
      await assertHedges(daemon, 4, 4)
      const metrics = await daemon.metrics()
      assert.equal(metrics.sum('tidegate_upstream_connect_failures_total'), 0)
      assert.equal(metrics.sum('tidegate_upstream_ejections_total'), 0)
      assert.equal(metrics.sum('tidegate_upstream_up'), 2)
      assert.equal(metrics.sum('tidegate_upstream_connections_open'), 0)
      await daemon.waitForSocketCount(sockets)
    })

    it('an upstream that speaks first is heard when it was the hedge', async () => {
      blackhole(SILENT.host, SILENT.port)
      const second = await upstream({}, greetThenEcho('220 ready\r\n'))
      const daemon = await start({ upstreams: [SILENT.text, second.address.text] })
      for (let i = 0; i < 8; i++) {
        const peer = await Peer.connect(daemon.addressOf())
        await peer.receiveText('220 ready\r\n')
        peer.finish()
        assert.equal((await peer.receiveAll()).ending, 'fin')
      }
    })

    it('the first is used when it answers before its hedge does', async () => {
      const [first] = [await silentUpstream(SILENT), await silentUpstream(SILENT_TOO)]
      const daemon = await start({ upstreams: [SILENT.text, SILENT_TOO.text] })
      const sockets = daemon.socketCount()
      const peer = await hedgedClient(daemon)
      await daemon.waitForSocketCount(sockets + 3)
      letThrough(SILENT.host, SILENT.port)
      await first.next()
      await daemon.waitForSocketCount(sockets + 2)
      const line = await served(daemon, peer)
      assert.deepEqual([line.upstream, line.attempts], [SILENT.text, 2])
      assert.deepEqual(errorsOf(line), [[SILENT_TOO.text, 'overtaken']])
      await assertHedges(daemon, 1, 0)
      await daemon.waitForSocketCount(sockets)
    })

    it('a hedge that is refused makes room for one to the next', async () => {
      blackhole(SILENT.host, SILENT.port)
      const [closed, third] = [await closedAddress(), await upstream()]
      const daemon = await start({ upstreams: [SILENT.text, closed.text, third.address.text] })
      const line = await visit(daemon)
      assert.deepEqual([line.upstream, line.attempts], [third.address.text, 3])
      assert.deepEqual(errorsOf(line), [
        [closed.text, 'ECONNREFUSED'],
        [SILENT.text, 'overtaken'],
      ])
      await assertHedges(daemon, 2, 1)
      const failures = { upstream: closed.text }
      await daemon.waitForMetric('tidegate_upstream_connect_failures_total', failures, 1)
      await daemon.waitForMetric('tidegate_upstream_connect_failures_total', {}, 1)
    })

    it('when the first fails its hedge goes on, and may get a hedge of its own', async () => {
      blackhole(SILENT.host, SILENT.port)
      const [second, third] = [await silentUpstream(SILENT_TOO), await upstream()]
      const daemon = await start({ upstreams: [SILENT.text, SILENT_TOO.text, third.address.text] })
      const peer = await hedgedClient(daemon)
      refuse(SILENT.host, SILENT.port)
      const line = await served(daemon, peer)
      assert.deepEqual([line.upstream, line.attempts], [third.address.text, 3])
      assert.deepEqual(errorsOf(line), [
        [SILENT.text, 'ECONNREFUSED'],
        [SILENT_TOO.text, 'overtaken'],
      ])
      assert.equal(second.connections.length, 0)
      await assertHedges(daemon, 2, 1)
    })

    it('a hedge that goes on alone serves the client when it answers', async () => {
      blackhole(SILENT.host, SILENT.port)
      await silentUpstream(SILENT_TOO)
      const daemon = await start({ upstreams: [SILENT.text, SILENT_TOO.text] })
      const sockets = daemon.socketCount()
      const peer = await hedgedClient(daemon)
      refuse(SILENT.host, SILENT.port)
      await daemon.waitForSocketCount(sockets + 2)
      letThrough(SILENT_TOO.host, SILENT_TOO.port)
      const line = await served(daemon, peer)
      assert.deepEqual([line.upstream, line.attempts], [SILENT_TOO.text, 2])
      assert.deepEqual(errorsOf(line), [[SILENT.text, 'ECONNREFUSED']])
      await assertHedges(daemon, 1, 1)
      await daemon.waitForSocketCount(sockets)
    })

    it('both fail at once: the third is dialled', async () => {
      for (const { host, port } of [SILENT, SILENT_TOO]) blackhole(host, port)
      const third = await upstream()
      const daemon = await start({ upstreams: [SILENT.text, SILENT_TOO.text, third.address.text] })
      const peer = await hedgedClient(daemon)
      await stoppedWithBothDials(daemon, async () => {
        for (const { host, port } of [SILENT, SILENT_TOO]) refuse(host, port)
        await waitFor('both to be refused', () => socketStates('state syn-sent').length === 0)
      })
      const line = await served(daemon, peer)
      assert.deepEqual([line.upstream, line.attempts], [third.address.text, 3])
      assert.deepEqual(
        errorsOf(line).toSorted(([one], [other]) => one.localeCompare(other)),
        [
          [SILENT.text, 'ECONNREFUSED'],
          [SILENT_TOO.text, 'ECONNREFUSED'],
        ],
      )
    })

    it('each dial has its own connectTimeout, from its own start', async () => {
      for (const { host, port } of [SILENT, SILENT_TOO]) blackhole(host, port)
      const daemon = await start({ upstreams: [SILENT.text, SILENT_TOO.text], connectTimeout: '600ms' })
      const sockets = daemon.socketCount()
      const peer = await client(daemon)
      assert.equal((await peer.receiveAll()).ending, 'reset')
      const line = await daemon.lineOf(peer)
      assert.deepEqual([line.reason, line.upstream, line.attempts], ['upstream-unreachable', null, 2])
      assert.deepEqual(errorsOf(line), [
        [SILENT.text, 'timeout after 600 ms'],
        [SILENT_TOO.text, 'timeout after 600 ms'],
      ])
      for (const { ms } of line.attemptErrors as { ms: number }[]) assert.ok(ms >= 590, `gave up after ${ms} ms of 600`)
      await assertHedges(daemon, 1, 0)
      await daemon.waitForMetric('tidegate_upstream_connect_failures_total', {}, 2)
      await daemon.waitForSocketCount(sockets)
    })

    // Told by one wait for events, in the order of the answers.
    for (const order of ['first', 'hedge'] as const) {
      for (const mode of ['raw', 'proxy-v1', 'proxy-v2'] as const) {
        it(`${mode}: both answer at the same moment, the ${order} before the other: one gets all bytes, the other none`, async () => {
          const answer = (at: Peer): void => void at.write('seen').catch(() => {})
          const both = [await silentUpstream(SILENT, answer), await silentUpstream(SILENT_TOO, answer)]
          const daemon = await start({ upstreams: [SILENT.text, SILENT_TOO.text], mode }, 1)
          const sockets = daemon.socketCount()
          const peer = await hedgedClient(daemon)
          const met: Peer[] = []
          await stoppedWithBothDials(daemon, async () => {
            for (const one of order === 'first' ? both : both.toReversed()) {
              letThrough(one.address.host, one.address.port)
              met.push(await one.next())
            }
          })
          const winner = await waitFor('all bytes', () => met.find((one) => one.received.toString().endsWith('hello')))
          const loser = winner === met[0] ? met[1] : met[0]
          await loser.ending
          assert.equal(loser.bytesReceived, 0)
          await peer.receiveText('seen')
          winner.finish()
          peer.finish()
          assert.equal((await peer.receiveAll()).ending, 'fin')
          const said = winner.received.toString('latin1')
          if (mode === 'raw') assert.equal(said, 'hello')
          if (mode === 'proxy-v1') assert.match(said, /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\nhello$/)
          if (mode === 'proxy-v2') assert.ok(said.startsWith('\r\n\r\n\0\r\nQUIT\n'))
          assert.equal((await daemon.lineOf(peer)).attempts, 2)
          await daemon.waitForMetric('tidegate_upstream_connections_open', {}, 0)
          await daemon.waitForSocketCount(sockets)
        })
      }

      it(`the first is refused and its hedge answers at the same moment, the ${order} before the other`, async () => {
        await silentUpstream(SILENT_TOO)
        blackhole(SILENT.host, SILENT.port)
        const daemon = await start({ upstreams: [SILENT.text, SILENT_TOO.text] }, 1)
        const peer = await hedgedClient(daemon)
        await stoppedWithBothDials(daemon, async () => {
          for (const place of order === 'first' ? [0, 1] : [1, 0]) {
            const { host, port } = [SILENT, SILENT_TOO][place]
            if (place === 0) refuse(host, port)
            else letThrough(host, port)
            const isAnswered = () => socketStates(`state syn-sent dport = :${port}`).length === 0
            await waitFor(`an answer of ${host}`, isAnswered)
          }
        })
        const line = await served(daemon, peer)
        assert.deepEqual([line.upstream, line.attempts], [SILENT_TOO.text, 2])
        assert.equal(errorsOf(line).length, 1)
      })
    }

    it('a client that leaves takes both dials with it', async () => {
      for (const { host, port } of [SILENT, SILENT_TOO]) blackhole(host, port)
      const upstreams = [SILENT, SILENT_TOO].map(({ text }) => ({ address: text, maxConnections: 1 }))
      const daemon = await start({ upstreams })
      const sockets = daemon.socketCount()
      for (let i = 0; i < 3; i++) {
        const peer = await hedgedClient(daemon)
        await daemon.waitForSocketCount(sockets + 3)
        peer.reset()
        const line = await daemon.lineOf(peer)
        assert.deepEqual([line.reason, line.attempts], ['client-left', 2])
        await daemon.waitForSocketCount(sockets)
      }
      await daemon.waitForMetric('tidegate_upstream_connect_failures_total', {}, 0)
    })

    it('maxConnections hold: where the next has no place there is no hedge, until there is one', async () => {
      blackhole(SILENT.host, SILENT.port)
      const second = await upstream()
      const daemon = await start({ upstreams: [SILENT.text, { address: second.address.text, maxConnections: 1 }] })
      const one = await hedgedClient(daemon)
      await one.receiveText('hello')
      const two = await client(daemon)
      // Its own dial comes through; had it hedged, the second upstream would have been faster.
      const first = await upstream(SILENT)
      letThrough(SILENT.host, SILENT.port)
      await first.next()
      const line = await served(daemon, two)
      assert.deepEqual([line.upstream, line.attempts], [SILENT.text, 1])
      clearFirewall()
      blackhole(SILENT.host, SILENT.port)
      const three = await client(daemon)
      one.finish()
      assert.deepEqual((await served(daemon, three)).upstream, second.address.text)
      assert.equal(second.connections.length, 2)
    })

    it('a crowd: every client is served by its hedge, and every place and file comes back', async () => {
      blackhole(SILENT.host, SILENT.port)
      const second = await upstream()
      const daemon = await start({ upstreams: [SILENT.text, { address: second.address.text, maxConnections: 300 }] })
      const sockets = daemon.socketCount()
      for (let round = 0; round < 2; round++) {
        const crowd = await Promise.all(Array.from({ length: 300 }, () => client(daemon)))
        for (const peer of crowd) await peer.receiveText('hello')
        for (const peer of crowd) peer.finish()
        for (const peer of crowd) assert.equal((await peer.receiveAll()).ending, 'fin')
        await daemon.waitForMetric('tidegate_connections_open', {}, 0)
      }
      await assertHedges(daemon, 600, 600)
      await daemon.waitForSocketCount(sockets)
      assert.equal(JSON.parse((await daemon.get('/status.json')).body).connectionsOpen, 0)
    })

    it('a hedge for which we have no port is none; one that has come free is used for the next try', async () => {
      blackhole(SILENT.host, SILENT.port)
      const second = await upstream()
      const daemon = await start({ upstreams: [SILENT.text, second.address.text] })
      const visitor = async (localPort: number): Promise<Peer> => {
        const peer = await Peer.connect(daemon.addressOf(), { localPort })
        open.push({ stop: () => peer.destroy() })
        await peer.write('hello')
        return peer
      }
      // One port for each upstream: what is open at the second leaves none for a hedge.
      setSysctl('net.ipv4.ip_local_port_range', '40000 40000')
      try {
        const one = await visitor(31_001)
        await one.receiveText('hello')
        const two = await visitor(31_002)
        await waitFor('a dial', () => socketStates(`state syn-sent dport = :${SILENT.port}`).length === 1)
        one.reset()
        const line = await served(daemon, two)
        assert.deepEqual([line.upstream, line.attempts], [second.address.text, 2])
        assert.deepEqual(errorsOf(line), [[SILENT.text, 'overtaken']])
      } finally {
        setSysctl('net.ipv4.ip_local_port_range', '32768 60999')
      }
      await daemon.waitForMetric('tidegate_upstream_connect_failures_total', {}, 0)
    })

    it('a network that changes its mind all the time: every client comes to an end, and no place is lost', async () => {
      const random = new Random(15)
      const addresses = [SILENT, SILENT_TOO, address('127.0.7.3', 7003)]
      for (const at of addresses) await silentUpstream(at)
      const upstreams = addresses.map(({ text }) => ({ address: text, maxConnections: PLACES }))
      const queue = { max: 1000, perClient: 1000, timeout: '2s' }
      const limits = { connectTimeout: '1500ms', hedgeAfter: '50ms', retryFailedAfter: '0s', queue }
      const daemon = await start({ upstreams, balance: 'round-robin', ...limits })
      const sockets = daemon.socketCount()
      const ends: Promise<unknown>[] = []
      for (let round = 0; round < 40; round++) {
        clearFirewall()
        for (const { host, port } of addresses) {
          const fate = random.integer(4)
          if (fate < 2) blackhole(host, port)
          else if (fate === 2) refuse(host, port)
        }
        for (let i = 0; i < 8; i++) {
          const peer = await client(daemon)
          const isOver = Promise.race([peer.ending, waitFor('the echo', () => peer.bytesReceived > 0, 60_000)])
          if (random.chance(0.3)) setImmediate(() => peer.reset())
          else ends.push(isOver.then(() => peer.destroy()))
        }
      }
      // What was cut off behind the handshake arrives now, as soon as TCP sends it again.
      clearFirewall()
      await Promise.all(ends)
      await daemon.waitForMetric('tidegate_connections_open', {}, 0)
      await daemon.waitForSocketCount(sockets)
      const all = await Promise.all(Array.from({ length: addresses.length * PLACES }, () => client(daemon)))
      for (const peer of all) await peer.receiveText('hello')
    })

    it('onDown close finds both dials', async () => {
      const [first, hedge] = [await silentUpstream(SILENT), await silentUpstream(SILENT_TOO)]
      const upstreams = [
        { address: SILENT.text, name: 'first' },
        { address: SILENT_TOO.text, name: 'second' },
      ]
      const daemon = await start({ upstreams, onDown: 'close' })
      const sockets = daemon.socketCount()
      const one = await hedgedClient(daemon)
      await daemon.waitForSocketCount(sockets + 3)
      await setUpstream(daemon, 'down', 'second')
      await daemon.waitForSocketCount(sockets + 2)
      letThrough(SILENT.host, SILENT.port)
      await first.next()
      assert.equal((await served(daemon, one)).upstream, 'first')
      await setUpstream(daemon, 'up', 'second')
      clearFirewall()
      for (const { host, port } of [SILENT, SILENT_TOO]) blackhole(host, port)
      const two = await hedgedClient(daemon)
      await daemon.waitForSocketCount(sockets + 3)
      await setUpstream(daemon, 'down', 'first')
      await daemon.waitForSocketCount(sockets + 2)
      letThrough(SILENT_TOO.host, SILENT_TOO.port)
      await hedge.next()
      assert.equal((await served(daemon, two)).upstream, 'second')
      await assertHedges(daemon, 2, 1)
      await daemon.waitForMetric('tidegate_upstream_connect_failures_total', {}, 0)
    })

    it('the one that won is the one affinity remembers', async () => {
      await silentUpstream(SILENT)
      const second = await upstream()
      const daemon = await start({ upstreams: [SILENT.text, second.address.text], affinity: {} })
      assert.equal((await visit(daemon)).upstream, second.address.text)
      letThrough(SILENT.host, SILENT.port)
      const line = await visit(daemon)
      assert.deepEqual([line.upstream, line.attempts], [second.address.text, 1])
    })

    it('a reload turns it on for the clients to come', async () => {
      await silentUpstream(SILENT)
      const second = await upstream()
      const daemon = await start({ upstreams: [SILENT.text, second.address.text], hedgeAfter: 'off' })
      const before = await client(daemon)
      daemon.editConfig((text) => text.replace('"hedgeAfter": "off"', '"hedgeAfter": "50ms"'))
      daemon.signal('SIGHUP')
      await daemon.waitForLine('the reload', ({ event }) => event === 'reloaded')
      assert.equal((await visit(daemon)).upstream, second.address.text)
      letThrough(SILENT.host, SILENT.port)
      const line = await served(daemon, before)
      assert.deepEqual([line.upstream, line.attempts], [SILENT.text, 1])
    })

    it('with one upstream address the log says that it is in vain', async () => {
      const only = await upstream()
      const daemon = await start({ upstreams: [only.address.text] })
      assert.equal((await visit(daemon)).attempts, 1)
      const line = await daemon.waitForLine('the warning', ({ event }) => event === 'hedging-in-vain')
      assert.deepEqual([line['level'], line['service']], ['warn', 'web'])
    })
  })
})
