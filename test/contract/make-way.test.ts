/** All places are taken, and somebody holds one who has not said a byte: that one goes, and whoever comes is served. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestService } from '../harness/config.ts'
import { TICK_MS } from '../../src/lib/timing-wheel.ts'
import { Daemon } from '../harness/daemon.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { buildV2, v4Addresses } from '../harness/proxy-header.ts'
import { Upstream } from '../harness/upstream.ts'

const ALLOWED = '127.0.0.9'
const STRANGER = '127.0.0.3'
const NEWCOMER = '127.0.0.4'
const OFF = { rule: 'off' }
const AFTER_MS = 500
const CLOSED = 'tidegate_connections_closed_total'
const REFUSED = 'tidegate_refused_total'
const OPEN = 'tidegate_connections_open'

interface Places {
  /** Of the node; there is no reserve. */
  readonly node?: number
  readonly makeWay?: Record<string, unknown>
  readonly protect?: Record<string, unknown>
  readonly services?: readonly Partial<TestService>[]
}

forBothEnginesAtOnce((engine) => {
  describe('making way', () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
    })

    /** One worker: who is silent in another can't be ended for a newcomer of this one. */
    async function start({ node = 1000, makeWay, protect, services = [{}] }: Places) {
      const upstream = await Upstream.listen()
      open.push({ stop: () => upstream.close() })
      const daemon = await Daemon.start({
        engine,
        traffic: { maxConnections: node, workers: 1 },
        protect: { allow: [ALLOWED], overload: OFF, firewall: { mode: 'off' } },
        services: services.map((service) => ({
          upstreams: [upstream.address.text],
          ...service,
          protect: {
            perAddress: OFF,
            makeWay: { after: `${AFTER_MS}ms`, ...makeWay },
            ...protect,
            ...(service['protect'] as object),
          },
        })),
      })
      open.push(daemon)
      return { daemon, upstream }
    }

    /** One that is let in, and connected to the upstream. */
    async function enter(daemon: Daemon, service = 'web', localAddress = STRANGER): Promise<Peer> {
      const before = (await daemon.metrics()).sum('tidegate_connections_total')
      const client = await Peer.connect(daemon.addressOf(service), { localAddress })
      open.push({ stop: () => client.destroy() })
      await daemon.waitForMetric('tidegate_connections_total', {}, before + 1)
      // So far apart that they are listed in their order: within a turn of the timing wheel it is any.
      await sleep(2 * TICK_MS)
      return client
    }

    async function refused(daemon: Daemon, reason: string, service = 'web'): Promise<void> {
      const before = (await daemon.metrics()).sum(REFUSED, { service, reason })
      const client = await Peer.connect(daemon.addressOf(service), { localAddress: NEWCOMER })
      assert.equal((await client.receiveAll()).ending, 'reset')
      assert.equal((await daemon.metrics()).sum(REFUSED, { service, reason }), before + 1)
    }

    /** As long as it takes to have been silent for long enough. */
    const beSilent = () => sleep(AFTER_MS + 200)

    async function assertGone(daemon: Daemon, client: Peer): Promise<void> {
      assert.equal((await client.receiveAll()).ending, 'reset')
      assert.equal((await daemon.lineOf(client)).reason, 'made-way')
    }

    it('the node is full: who has been silent longest goes, and it is a strike', async () => {
      const { daemon } = await start({ node: 3 })
      const first = await enter(daemon)
      const second = await enter(daemon)
      const third = await enter(daemon)
      await beSilent()
      const newcomer = await enter(daemon, 'web', NEWCOMER)
      await assertGone(daemon, first)
      await enter(daemon, 'web', NEWCOMER)
      await assertGone(daemon, second)
      await newcomer.write('served')
      assert.deepEqual([third.endingNow, newcomer.endingNow], [undefined, undefined])
      const metrics = await daemon.metrics()
      assert.deepEqual([metrics.sum(OPEN), metrics.sum(REFUSED)], [3, 0])
      assert.equal(metrics.sum('tidegate_strikes_total', { kind: 'unused' }), 2)
      assert.equal(metrics.sum(CLOSED, { reason: 'made-way' }), 2)
    })

    it('who has just come stays, and so does who has said a byte, or was sent one', async () => {
      const { daemon, upstream } = await start({ node: 2 })
      const speaker = await enter(daemon)
      const atUpstream = await upstream.next()
      await speaker.write('.')
      await atUpstream.receive(1)
      const greeted = await enter(daemon)
      await (await upstream.next()).write('220 ready')
      await greeted.receive(9)
      await beSilent()
      await refused(daemon, 'refused-ceiling')
      greeted.reset()
      await daemon.waitForMetric(OPEN, {}, 1)
      const young = await enter(daemon)
      await refused(daemon, 'refused-ceiling')
      assert.deepEqual([speaker.endingNow, young.endingNow], [undefined, undefined])
    })

    it('where every client has to answer, one that was only greeted goes', async () => {
      const { daemon, upstream } = await start({ node: 2, makeWay: { greeted: 'go' } })
      const answering = await enter(daemon)
      const atUpstream = await upstream.next()
      await atUpstream.write('220 ready')
      await answering.receive(9)
      await answering.write('EHLO')
      await atUpstream.receive(4)
      const silent = await enter(daemon)
      await (await upstream.next()).write('220 ready')
      await silent.receive(9)
      await beSilent()
      await enter(daemon, 'web', NEWCOMER)
      await assertGone(daemon, silent)
      assert.equal(answering.endingNow, undefined)
    })

    it('a service is full: one of its own goes, and none of another', async () => {
      const { daemon } = await start({
        node: 100,
        services: [
          { name: 'web', maxConnections: 2 },
          { name: 'mail', maxConnections: 1 },
        ],
      })
      const mail = await enter(daemon, 'mail')
      const first = await enter(daemon)
      const second = await enter(daemon)
      await beSilent()
      await enter(daemon, 'web', NEWCOMER)
      await assertGone(daemon, first)
      await second.write('.')
      await daemon.waitForMetric('tidegate_bytes_total', { service: 'web', direction: 'to_upstream' }, 1)
      await refused(daemon, 'refused-service-ceiling')
      assert.equal(mail.endingNow, undefined)
      assert.equal((await daemon.metrics()).sum(OPEN), 3)
    })

    it('node and service are full: one goes that leaves both places', async () => {
      const { daemon } = await start({
        node: 2,
        services: [{ name: 'web', maxConnections: 1 }, { name: 'mail' }],
      })
      const mail = await enter(daemon, 'mail')
      const web = await enter(daemon)
      await beSilent()
      await enter(daemon, 'web', NEWCOMER)
      await assertGone(daemon, web)
      assert.equal(mail.endingNow, undefined)
      await enter(daemon, 'mail', NEWCOMER)
      await assertGone(daemon, mail)
      assert.equal((await daemon.metrics()).sum(OPEN), 2)
    })

    it('before a first byte is dialled for, silent clients hold places of the node', async () => {
      const { daemon, upstream } = await start({
        node: 2,
        protect: { dialOn: 'first-byte', firstByteTimeout: '10m' },
      })
      const silent = await enter(daemon)
      const speaker = await enter(daemon)
      await speaker.write('.')
      await upstream.next()
      await beSilent()
      await enter(daemon, 'web', NEWCOMER)
      await assertGone(daemon, silent)
      assert.equal(speaker.endingNow, undefined)
    })

    it('the allow list stays, and has what others make way with', async () => {
      const { daemon } = await start({ node: 2 })
      const allowed = await enter(daemon, 'web', ALLOWED)
      const stranger = await enter(daemon)
      await beSilent()
      await enter(daemon, 'web', ALLOWED)
      await assertGone(daemon, stranger)
      await beSilent()
      await refused(daemon, 'refused-ceiling')
      assert.equal(allowed.endingNow, undefined)
    })

    it('who is refused for what it did itself costs nobody a place', async () => {
      const perAddress = { rule: 'on', connections: 2, rate: 'off' }
      const { daemon } = await start({ node: 2, protect: { perAddress } })
      const clients = [await enter(daemon), await enter(daemon)]
      await beSilent()
      const third = await Peer.connect(daemon.addressOf(), { localAddress: STRANGER })
      assert.equal((await third.receiveAll()).ending, 'reset')
      assert.deepEqual(
        clients.map(({ endingNow }) => endingNow),
        [undefined, undefined],
      )
      assert.equal((await daemon.metrics()).sum(REFUSED, { reason: 'refused-address-connections' }), 1)
      await enter(daemon, 'web', NEWCOMER)
      await assertGone(daemon, clients[0])
    })

    it('who waits in the queue gets the place, the oldest first', async () => {
      const { daemon, upstream } = await start({
        services: [{ maxConnections: 1, queue: { max: 5, timeout: '1m' } }],
      })
      const silent = await enter(daemon)
      await upstream.next()
      const waiting = await enter(daemon, 'web', NEWCOMER)
      await daemon.waitForMetric('tidegate_queue_waiting', {}, 1)
      await beSilent()
      await enter(daemon, 'web', '127.0.0.5')
      await assertGone(daemon, silent)
      await waiting.write('mine')
      assert.equal((await (await upstream.next()).receive(4)).toString(), 'mine')
      await daemon.waitForMetric('tidegate_queue_waiting', {}, 1)
    })

    it('behind a proxy it is the client in the header that stays or goes', async () => {
      const { daemon, upstream } = await start({
        node: 3,
        services: [{ acceptProxyFrom: ['127.0.0.0/8'] }],
      })
      const header = (from: string) => buildV2({ addresses: v4Addresses(from, 1234, '192.0.2.1', 443) })
      const come = async (from: string): Promise<Peer> => {
        const client = await enter(daemon)
        await client.write(header(from))
        await upstream.next()
        return client
      }
      const proxy = await enter(daemon)
      await proxy.write(buildV2({ versionCommand: 0x20 }))
      await upstream.next()
      const first = await come('203.0.113.1')
      const second = await come('203.0.113.2')
      await beSilent()
      await come('203.0.113.3')
      assert.equal((await first.receiveAll()).ending, 'reset')
      assert.deepEqual([proxy.endingNow, second.endingNow], [undefined, undefined])
      await daemon.waitForMetric(CLOSED, { reason: 'made-way' }, 1)
    })

    it('on watch nobody goes, and who would have to is counted; off, nobody is looked at', async () => {
      const watched = { reason: 'made-way' }
      for (const [rule, count] of [
        ['watch', 1],
        ['off', 0],
      ] as const) {
        const { daemon } = await start({ node: 1, makeWay: { rule } })
        const client = await enter(daemon)
        await beSilent()
        await refused(daemon, 'refused-ceiling')
        await refused(daemon, 'refused-ceiling')
        assert.equal((await daemon.metrics()).sum('tidegate_watched_total', watched), count)
        assert.equal(client.endingNow, undefined)
      }
    })

    it('a crowd that says nothing, on all workers, keeps nobody out who speaks', async () => {
      const upstream = await Upstream.listen({ onConnection: (peer) => void peer.write('!').catch(() => {}) })
      open.push({ stop: () => upstream.close() })
      const daemon = await Daemon.start({
        engine,
        traffic: { maxConnections: 40, workers: 2 },
        protect: { allow: [ALLOWED], overload: OFF },
        services: [
          {
            upstreams: [upstream.address.text],
            protect: { perAddress: OFF, makeWay: { after: '250ms' }, dialOn: 'first-byte', firstByteTimeout: '10m' },
          },
        ],
      })
      open.push(daemon)
      const crowd = await Promise.all(
        Array.from({ length: 40 }, () => Peer.connect(daemon.addressOf(), { localAddress: STRANGER })),
      )
      open.push({ stop: () => crowd.forEach((client) => client.destroy()) })
      await daemon.waitForMetric(OPEN, {}, 40)
      await sleep(500)
      for (let i = 0; i < 30; i++) {
        const client = await enter(daemon, 'web', NEWCOMER)
        await client.write('.')
        await client.receive(1)
        client.reset()
      }
      assert.equal((await daemon.metrics()).sum(REFUSED), 0)
    })
  })
})
