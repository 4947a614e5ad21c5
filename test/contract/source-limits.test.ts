/** How much one address, one prefix and all together may do: exact over two workers, and every place comes back. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { parseAddress } from '../harness/address.ts'
import type { TestService } from '../harness/config.ts'
import { Daemon, type DaemonOptions } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { buildV2, v4Addresses } from '../harness/proxy-header.ts'
import { closedAddress, Upstream } from '../harness/upstream.ts'
import { differs } from './differences.ts'

/** Clients of these tests are loopback addresses, which are on the allow list where nobody says otherwise. */
const ALLOW_NOBODY = { allow: [] }

const destroyer = (peer: Peer) => () => peer.destroy()
const OFF = { rule: 'off' }
const REFUSED = 'tidegate_refused_total'
const WATCHED = 'tidegate_watched_total'

forEachEngine((engine) => {
  describe('limits for sources', () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
    })

    async function upstream(): Promise<Upstream> {
      const upstream = await Upstream.listen()
      open.push({ stop: () => upstream.close() })
      return upstream
    }

    /** Two workers; what is not under test is off. */
    async function start(
      protect: Record<string, unknown>,
      service: Partial<TestService> = {},
      options: Partial<DaemonOptions> = {},
    ): Promise<Daemon> {
      const upstreams = service.upstreams ?? [(await upstream()).address.text]
      const daemon = await Daemon.start({
        engine,
        protect: ALLOW_NOBODY,
        ...options,
        services: [{ ...service, upstreams, protect: { perAddress: OFF, perPrefix: OFF, ...protect } }],
      })
      open.push(daemon)
      return daemon
    }

    async function connect(daemon: Daemon, localAddress?: string): Promise<Peer> {
      const client = await Peer.connect(daemon.addressOf(), { localAddress })
      open.push({ stop: () => client.destroy() })
      return client
    }

    /** So many clients of one address that are let in, one after the other: connected is not accepted, and the other worker may be quicker. */
    async function admitted(daemon: Daemon, clients: number, localAddress?: string): Promise<Peer[]> {
      const before = (await daemon.metrics()).sum('tidegate_connections_total')
      const peers = await crowd(daemon, clients, localAddress)
      await daemon.waitForMetric('tidegate_connections_total', {}, before + clients)
      return peers
    }

    /** So many clients at once from one address. */
    function crowd(daemon: Daemon, clients: number, localAddress?: string): Promise<Peer[]> {
      return Promise.all(Array.from({ length: clients }, () => connect(daemon, localAddress)))
    }

    /** As many are open, and the others were refused for this reason. */
    async function settled(daemon: Daemon, openNow: number, reason: string, refused: number): Promise<void> {
      await daemon.waitForMetric(REFUSED, { service: 'web', reason }, refused)
      await daemon.waitForMetric('tidegate_connections_open', { service: 'web' }, openNow)
    }

    const perAddress = (limits: Record<string, unknown>) => ({ perAddress: { rule: 'on', rate: 'off', ...limits } })
    const perPrefix = (limits: Record<string, unknown>) => ({ perPrefix: { rule: 'on', rate: 'off', ...limits } })

    it('an address has as many connections as it may, over both workers, and others have theirs', async () => {
      const daemon = await start(perAddress({ connections: 5 }))
      const clients = await crowd(daemon, 40, '127.0.0.2')
      await settled(daemon, 5, 'refused-address-connections', 35)
      await waitFor('35 resets', () => clients.filter(({ endingNow }) => endingNow === 'reset').length === 35)
      await crowd(daemon, 5, '127.0.0.3')
      await settled(daemon, 10, 'refused-address-connections', 35)
      assert.equal((await daemon.metrics()).sum('tidegate_sources_tracked'), 2)
      assert.equal((await daemon.metrics()).sum('tidegate_sources_untracked_total'), 0)
    })

    it('check-ip says what an address and its prefix have open, and which limit the next would meet', async () => {
      const protect = { ...perAddress({ connections: 2 }), perPrefix: { rule: 'watch', connections: 3, rate: 'off' } }
      const daemon = await start(protect, {}, { protect: { allow: ['127.0.7.9'] } })
      const findings = async (address: string): Promise<string[]> => {
        const { body } = await daemon.get(`/api/v1/check-ip?address=${address}`)
        const answer = JSON.parse(body) as { findings: { code: string; text: string }[] }
        return answer.findings.filter(({ code }) => ['counted', 'over-limit'].includes(code)).map(({ text }) => text)
      }
      assert.deepEqual(await findings('127.0.7.1'), [])
      await admitted(daemon, 2, '127.0.7.1')
      const ofPrefix = (connections: number): string =>
        `Service web: its prefix 127.0.7.0/24 has ${connections} of 3 connections open`
      const first =
        'Service web: the address has 2 of 2 connections open; the next is refused (refused-address-connections).'
      assert.deepEqual(await findings('127.0.7.1'), [first, `${ofPrefix(2)}.`])
      await admitted(daemon, 1, '127.0.7.2')
      const would = 'the next would be refused, were the rule on (refused-prefix-connections)'
      assert.deepEqual(await findings('127.0.7.3'), [`${ofPrefix(3)}; ${would}.`])
      assert.deepEqual(await findings('127.0.7.9'), [], 'no limit holds for it')
    })

    it('each connection that ends gives its place back, however it ended', async () => {
      const server = await upstream()
      const daemon = await start(perAddress({ connections: 3 }), { upstreams: [server.address.text] })
      for (const end of ['fin', 'reset', 'upstream-reset'] as const) {
        const clients = await crowd(daemon, 3)
        const servers = [await server.next(), await server.next(), await server.next()]
        const oneMore = await connect(daemon)
        assert.equal((await oneMore.receiveAll()).ending, 'reset')
        if (end === 'fin') for (const peer of [...clients, ...servers]) peer.finish()
        else for (const peer of end === 'reset' ? clients : servers) peer.reset()
        await daemon.waitForMetric('tidegate_sources_tracked', {}, 0)
      }
      assert.equal((await daemon.metrics()).sum(REFUSED, { reason: 'refused-address-connections' }), 3)
    })

    it('a failed dial and a wait in the queue give it back too', async () => {
      const daemon = await start(perAddress({ connections: 2 }), { upstreams: [(await closedAddress()).text] })
      for (let i = 0; i < 5; i++) assert.equal((await (await connect(daemon)).receiveAll()).ending, 'reset')
      assert.equal((await daemon.metrics()).sum(REFUSED), 0)
      await daemon.waitForMetric('tidegate_sources_tracked', {}, 0)
      const server = await upstream()
      const queueing = await start(perAddress({ connections: 3 }), {
        upstreams: [{ address: server.address.text, maxConnections: 1 }],
        queue: { max: 5, timeout: '1m' },
      })
      const [first, second, third] = await crowd(queueing, 3)
      await queueing.waitForMetric('tidegate_queue_waiting', {}, 2)
      assert.equal((await (await connect(queueing)).receiveAll()).ending, 'reset')
      for (const client of [first, second, third]) client.reset()
      await queueing.waitForMetric('tidegate_sources_tracked', {}, 0)
      await crowd(queueing, 3)
      await settled(queueing, 3, 'refused-address-connections', 1)
    })

    it('a prefix has as many as it may, whichever of its addresses they come from', async () => {
      const daemon = await start(perPrefix({ connections: 6 }))
      for (let i = 1; i <= 10; i++) await connect(daemon, `127.0.1.${i}`)
      await settled(daemon, 6, 'refused-prefix-connections', 4)
      await connect(daemon, '127.0.2.1')
      await settled(daemon, 7, 'refused-prefix-connections', 4)
    })

    it('IPv4 that comes in through a listener for both is the same address, IPv6 is another', async () => {
      const daemon = await start(perAddress({ connections: 2 }), { listen: ['127.0.0.1:0', '*:0'] })
      const [plain, both] = [daemon.addressOf('web', 0), daemon.addressOf('web', 1)]
      assert.equal(both.host, '127.0.0.1')
      for (const to of [plain, both, plain, both]) open.push({ stop: destroyer(await Peer.connect(to)) })
      await settled(daemon, 2, 'refused-address-connections', 2)
      const six = parseAddress(`[::1]:${both.port}`)
      for (let i = 0; i < 3; i++) open.push({ stop: destroyer(await Peer.connect(six)) })
      await settled(daemon, 4, 'refused-address-connections', 3)
    })

    it('who is refused by its prefix has taken nothing by its address', async () => {
      const daemon = await start({ ...perAddress({ connections: 2 }), ...perPrefix({ connections: 2 }) })
      const held = await admitted(daemon, 2, '127.0.1.1')
      for (let i = 0; i < 4; i++) await connect(daemon, '127.0.1.2')
      await settled(daemon, 2, 'refused-prefix-connections', 4)
      for (const client of held) client.reset()
      await daemon.waitForMetric('tidegate_sources_tracked', {}, 0)
      await crowd(daemon, 2, '127.0.1.2')
      await settled(daemon, 2, 'refused-prefix-connections', 4)
    })

    it('an address opens no more than its burst at once, over both workers, and not all too soon again', async () => {
      const daemon = await start(perAddress({ connections: 'off', rate: '1/h', burst: 7 }))
      await crowd(daemon, 30, '127.0.0.2')
      await settled(daemon, 7, 'refused-address-rate', 23)
      await crowd(daemon, 8, '127.0.0.3')
      await settled(daemon, 14, 'refused-address-rate', 24)
    })

    it('a rate lets in again what time has brought back', async () => {
      const daemon = await start(perAddress({ connections: 'off', rate: '20/s', burst: 1 }))
      const admitted = async () => (await daemon.metrics()).sum('tidegate_connections_total')
      const beganMs = performance.now()
      await waitFor('ten clients to be let in', async () => {
        await connect(daemon)
        return (await admitted()) >= 10
      })
      // Nine intervals of 50 ms lie between ten of them; a turn of the loop may be between their coming and their judge.
      const passedMs = performance.now() - beganMs
      assert.ok((await admitted()) <= 1 + (passedMs / 1000) * 20 + 1, `${await admitted()} in ${passedMs} ms`)
    })

    it('the prefix has a rate of its own, and so has the service', async () => {
      const daemon = await start({
        ...perPrefix({ connections: 'off', rate: '1/h', burst: 4 }),
        newConnections: { rule: 'on', rate: '1/h', burst: 6 },
      })
      for (let i = 1; i <= 8; i++) await connect(daemon, `127.0.1.${i}`)
      await settled(daemon, 4, 'refused-prefix-rate', 4)
      // The four that the prefix refused have cost the service nothing.
      for (let i = 1; i <= 5; i++) await connect(daemon, `127.0.${i + 1}.1`)
      await settled(daemon, 6, 'refused-service-rate', 3)
    })

    it('on watch everybody is let in, and counted who would not have been', async () => {
      const daemon = await start({
        perAddress: { rule: 'watch', rate: 'off', connections: 3 },
        perPrefix: { rule: 'watch', rate: '1/h', connections: 'off', burst: 4 },
        newConnections: { rule: 'watch', rate: '1/h', burst: 5 },
      })
      await crowd(daemon, 9)
      await daemon.waitForMetric('tidegate_connections_open', {}, 9)
      await daemon.waitForMetric(WATCHED, { reason: 'refused-address-connections' }, 6)
      await daemon.waitForMetric(WATCHED, { reason: 'refused-prefix-rate' }, 5)
      await daemon.waitForMetric(WATCHED, { reason: 'refused-service-rate' }, 4)
      assert.equal((await daemon.metrics()).sum(REFUSED), 0)
    })

    it('refused clients are summed up in the log, with their reason', async () => {
      const daemon = await start(perAddress({ connections: 1 }))
      await admitted(daemon, 1)
      assert.equal((await (await connect(daemon)).receiveAll()).ending, 'reset')
      // The sums are written every few seconds, and at the end.
      daemon.signal('SIGTERM')
      daemon.signal('SIGTERM')
      const line = await daemon.waitForLine('the line of refused clients', (line) => line.event === 'refused')
      assert.deepEqual([line['service'], line['reason'], line['clients']], ['web', 'refused-address-connections', 1])
    })

    it('new tables change a limit for who comes next, and keep the counts', async () => {
      const daemon = await start(perAddress({ connections: 2 }))
      await admitted(daemon, 2)
      assert.equal((await (await connect(daemon)).receiveAll()).ending, 'reset')
      daemon.editConfig((text) => text.replace('"connections": 2', '"connections": 4'))
      daemon.signal('SIGHUP')
      await daemon.waitForLine('the reload', (line) => line.event === 'reloaded')
      await crowd(daemon, 6)
      await settled(daemon, 4, 'refused-address-connections', 5)
    })

    describe('behind a proxy', () => {
      const header = (from: string) => buildV2({ addresses: v4Addresses(from, 1234, '192.0.2.1', 443) })

      async function connectFor(daemon: Daemon, from: string): Promise<Peer> {
        const client = await connect(daemon)
        await client.write(header(from)).catch(() => {})
        return client
      }

      it('the limits hold for the address in the header, and not for the proxy', async () => {
        const protect = { ...perAddress({ connections: 2 }), ...perPrefix({ connections: 5 }) }
        const daemon = await start(protect, { acceptProxyFrom: ['127.0.0.0/8'] })
        for (let i = 0; i < 4; i++) await connectFor(daemon, '203.0.113.1')
        await daemon.waitForMetric('tidegate_connections_closed_total', { reason: 'refused-address-connections' }, 2)
        for (let i = 2; i < 8; i++) await connectFor(daemon, `203.0.113.${i}`)
        await daemon.waitForMetric('tidegate_connections_closed_total', { reason: 'refused-prefix-connections' }, 3)
        await daemon.waitForMetric('tidegate_connections_open', {}, 5)
        const refused = await daemon.waitForLine('a refusal', ({ reason }) => reason === 'refused-address-connections')
        assert.equal(refused['client'], '203.0.113.1:1234')
      })

      it('who ends there, or never says a whole header, has taken nothing', async () => {
        const daemon = await start(perAddress({ connections: 1 }), { acceptProxyFrom: ['127.0.0.0/8'] })
        for (let i = 0; i < 3; i++) {
          const wrong = await connect(daemon)
          await wrong.write('GET / HTTP/1.1\r\n\r\n').catch(() => {})
          await wrong.receiveAll()
          const client = await connectFor(daemon, '203.0.113.1')
          await daemon.waitForMetric('tidegate_sources_tracked', {}, 1)
          client.reset()
          await daemon.waitForMetric('tidegate_sources_tracked', {}, 0)
        }
        await daemon.waitForMetric('tidegate_sources_tracked', {}, 0)
        assert.equal(
          (await daemon.metrics()).sum('tidegate_connections_closed_total', { reason: 'refused-address-connections' }),
          0,
        )
      })
    })

    describe('what a refused client sees', () => {
      const one = perAddress({ connections: 1 })

      it('close: an ordinary end, also for who has sent something', async () => {
        const daemon = await start({ ...one, refuse: 'close' })
        await admitted(daemon, 1)
        assert.equal((await (await connect(daemon)).receiveAll()).ending, 'fin')
      })

      it('tarpit: nothing for a while, then a reset, and the places come back', async () => {
        const daemon = await start({ ...one, refuse: 'tarpit', tarpitFor: '1s' })
        const [held] = await admitted(daemon, 1)
        const waiting = await crowd(daemon, 3)
        await daemon.waitForMetric('tidegate_tarpitted', {}, 3)
        assert.ok(waiting.every((client) => client.endingNow === undefined))
        for (const client of waiting) assert.equal((await client.receiveAll()).ending, 'reset')
        await daemon.waitForMetric('tidegate_tarpitted', {}, 0)
        await daemon.waitForMetric('tidegate_connections_open', {}, 1)
        await held.write('still here')
      })

      it('tarpit: the places are bounded, who finds none is reset, and a stop waits for nobody there', async () => {
        const daemon = await start(
          { ...one, refuse: 'tarpit', tarpitFor: '10m' },
          {},
          { traffic: { maxConnections: 64 } },
        )
        const [held] = await admitted(daemon, 1)
        // A sixteenth of 64, two for each worker.
        await waitFor('the tar pit to be full', async () => {
          await connect(daemon)
          return (await daemon.metrics()).sum('tidegate_tarpitted') === 4
        })
        const others = await crowd(daemon, 5)
        for (const client of others) assert.equal((await client.receiveAll()).ending, 'reset')
        assert.equal((await daemon.metrics()).sum('tidegate_tarpitted'), 4)
        held.reset()
        await daemon.waitForMetric('tidegate_sources_tracked', {}, 0)
        daemon.signal('SIGTERM')
        assert.equal((await daemon.exit()).code, 0)
      })

      it('drop: nothing at all, until the client speaks', { skip: differs('drop', engine) }, async () => {
        const daemon = await start({ ...one, refuse: 'drop' })
        await admitted(daemon, 1)
        const sockets = daemon.socketCount()
        const [dropped] = await crowd(daemon, 50)
        await daemon.waitForMetric(REFUSED, { reason: 'refused-address-connections' }, 50)
        assert.equal(dropped.endingNow, undefined)
        await dropped.write('is anybody there?')
        assert.equal((await dropped.receiveAll()).ending, 'reset')
        // Of scrapes there may be one more or less.
        await waitFor('the sockets to be gone', () => daemon.socketCount() <= sockets + 2)
        assert.ok(!daemon.lines.some((line) => line['level'] === 'warn'))
      })

      const noRights = process.getuid?.() === 0 ? false : 'only root can start a daemon with fewer rights'
      it('drop without the right to it: the start says so, and what is done instead', { skip: noRights }, async () => {
        const prefix = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin', '--ambient-caps=-all']
        const daemon = await start({ ...one, refuse: 'drop' }, {}, { prefix })
        const engineWords = engine === 'linux' ? /CAP_NET_ADMIN \(TCP_REPAIR: EPERM\)/ : /node engine can't drop/
        const warnings = daemon.lines
          .map((line) => String(line['msg'] ?? line['message']))
          .filter((text) => engineWords.test(text))
        assert.equal(warnings.length, 1, daemon.describeOutput())
        await admitted(daemon, 1)
        // Loopback has no router that throws the reset away.
        assert.equal((await (await connect(daemon)).receiveAll()).ending, 'reset')
        await daemon.waitForMetric(REFUSED, { reason: 'refused-address-connections' }, 1)
      })
    })
  })
})
