/** When there is no room for all: who was useful before comes in, strangers do not, and who is idle goes sooner. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { makeKnown } from '../harness/known-client.ts'
import { Peer } from '../harness/peer.ts'
import { buildV2, v4Addresses } from '../harness/proxy-header.ts'
import { Upstream } from '../harness/upstream.ts'

/** Loopback addresses are on the allow list where nobody says otherwise. */
const ALLOWED = '127.0.0.9'
const KNOWN = '127.0.0.2'
const STRANGER = '127.0.0.3'
const OFF = { rule: 'off' }
const REFUSED = 'tidegate_refused_total'
const LEVEL = 'tidegate_overload_level'
/** Timers may be kept in buckets, but never fire before their time. */
const EARLY_MS_MAX = 5

forBothEnginesAtOnce((engine) => {
  describe('overload', () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
    })

    async function start(
      overload: Record<string, unknown>,
      service: Partial<TestService> = {},
      maxConnections = 20,
    ): Promise<{ daemon: Daemon; upstream: Upstream }> {
      const upstream = await Upstream.listen()
      open.push({ stop: () => upstream.close() })
      const daemon = await Daemon.start({
        engine,
        traffic: { maxConnections },
        protect: { allow: [ALLOWED], overload, firewall: { mode: 'off' } },
        services: [
          {
            ...service,
            upstreams: [upstream.address.text],
            // Those who make way for others have a test of their own.
            protect: { perAddress: OFF, perPrefix: OFF, makeWay: OFF, ...(service['protect'] as object) },
          },
        ],
      })
      open.push(daemon)
      return { daemon, upstream }
    }

    async function connect(daemon: Daemon, localAddress: string): Promise<Peer> {
      const client = await Peer.connect(daemon.addressOf(), { localAddress })
      open.push({ stop: () => client.destroy() })
      return client
    }

    /** So many clients that are let in, one after the other: the next one finds the count of those before. */
    async function admitted(daemon: Daemon, clients: number, localAddress: string): Promise<Peer[]> {
      const peers: Peer[] = []
      for (let i = 0; i < clients; i++) {
        const before = (await daemon.metrics()).sum('tidegate_connections_total')
        peers.push(await connect(daemon, localAddress))
        await daemon.waitForMetric('tidegate_connections_total', {}, before + 1)
      }
      return peers
    }

    async function refused(daemon: Daemon, localAddress: string, reason: string): Promise<void> {
      const before = (await daemon.metrics()).sum(REFUSED, { reason })
      const client = await connect(daemon, localAddress)
      assert.equal((await client.receiveAll()).ending, 'reset')
      assert.equal((await daemon.metrics()).sum(REFUSED, { reason }), before + 1)
    }

    it('strangers have all places but the reserve, which is for known clients and the allow list', async () => {
      const { daemon, upstream } = await start({ reserve: '20%' })
      await makeKnown(daemon, upstream, () => connect(daemon, KNOWN))
      await admitted(daemon, 16, STRANGER)
      await refused(daemon, STRANGER, 'refused-overload')
      await refused(daemon, '127.0.0.4', 'refused-overload')
      const [known] = await admitted(daemon, 2, KNOWN)
      const [allowed] = await admitted(daemon, 2, ALLOWED)
      for (const client of [known, allowed]) await client.write('still served')
      // The ceiling holds for everybody.
      for (const who of [KNOWN, ALLOWED, STRANGER]) await refused(daemon, who, 'refused-ceiling')
      allowed.reset()
      await daemon.waitForMetric('tidegate_connections_open', {}, 19)
      await refused(daemon, STRANGER, 'refused-overload')
      await admitted(daemon, 1, KNOWN)
    })

    it('on watch strangers take all places, and are counted', async () => {
      const { daemon } = await start({ rule: 'watch', reserve: '20%' })
      await admitted(daemon, 20, STRANGER)
      assert.equal((await daemon.metrics()).sum('tidegate_watched_total', { reason: 'refused-overload' }), 4)
      await refused(daemon, STRANGER, 'refused-ceiling')
    })

    it('off, there is no reserve and no level', async () => {
      const { daemon } = await start({ rule: 'off', reserve: '20%' })
      await admitted(daemon, 20, STRANGER)
      await refused(daemon, STRANGER, 'refused-ceiling')
      const metrics = await daemon.metrics()
      assert.deepEqual([metrics.sum('tidegate_watched_total'), metrics.sum(LEVEL)], [0, 0])
    })

    it('a reload changes the reserve at once', async () => {
      const { daemon } = await start({ reserve: '20%' })
      await admitted(daemon, 16, STRANGER)
      await refused(daemon, STRANGER, 'refused-overload')
      daemon.editConfig((text) => text.replace('"20%"', '10%'))
      daemon.signal('SIGHUP')
      await daemon.waitForLine('the reload', (line) => line.event === 'reloaded')
      await admitted(daemon, 2, STRANGER)
      await refused(daemon, STRANGER, 'refused-overload')
    })

    it('behind a proxy the client in the header is known or not, and the proxy always comes in', async () => {
      const header = (from: string) => buildV2({ addresses: v4Addresses(from, 1234, '192.0.2.1', 443) })
      const { daemon, upstream } = await start({ reserve: '50%' }, { acceptProxyFrom: ['127.0.0.0/8'] }, 8)
      await makeKnown(daemon, upstream, async () => {
        const client = await connect(daemon, STRANGER)
        await client.write(header('203.0.113.1'))
        return client
      })
      const come = async (from: string): Promise<Peer> => {
        const [client] = await admitted(daemon, 1, STRANGER)
        await client.write(header(from))
        return client
      }
      for (let i = 2; i < 6; i++) await come(`203.0.113.${i}`)
      await waitFor('four to be served', () => upstream.connections.length >= 4)
      assert.equal((await (await come('203.0.113.7')).receiveAll()).ending, 'reset')
      await daemon.waitForMetric('tidegate_connections_closed_total', { reason: 'refused-overload' }, 1)
      const served = upstream.connections.length
      await come('203.0.113.1')
      await waitFor('the known one to be served', () => upstream.connections.length === served + 1)
    })

    it('who is idle goes sooner while the node is full, and has all its time again afterwards', async () => {
      const idleTimeoutMs = 8000
      const { daemon } = await start({ reserve: '5%', idleAtLeast: '200ms' }, { idleTimeout: '8s' })
      const crowd = await admitted(daemon, 19, STRANGER)
      await Promise.all(crowd.map((client) => client.receiveAll()))
      const lines = await Promise.all(crowd.map((client) => daemon.lineOf(client)))
      assert.deepEqual(new Set(lines.map(({ reason }) => reason)), new Set(['overload-idle']))
      assert.ok(lines.every(({ durationMs }) => durationMs < idleTimeoutMs))
      const rise = await daemon.waitForLine('the level in the log', ({ event }) => event === 'overload')
      assert.deepEqual([rise['level'], rise['from'], rise['rule']], [1, 0, 'on'])
      assert.ok((rise['why'] as Record<string, number>)['connections'] >= 0.7)
      await daemon.waitForLine('the end in the log', ({ event, level }) => event === 'overload-eased' && level === 0)
      await daemon.waitForMetric(LEVEL, {}, 0)
      const [patient] = await admitted(daemon, 1, STRANGER)
      await patient.receiveAll()
      const line = await daemon.lineOf(patient)
      assert.equal(line.reason, 'idle-timeout')
      assert.ok(line.durationMs >= idleTimeoutMs - EARLY_MS_MAX)
    })

    it('who is waited for to say its first byte goes sooner too, and it is no strike', async () => {
      const { daemon } = await start(
        { reserve: '5%', firstByteAtLeast: '200ms' },
        { protect: { dialOn: 'first-byte', firstByteTimeout: '1m' } },
      )
      const crowd = await admitted(daemon, 19, STRANGER)
      await Promise.all(crowd.map((client) => client.receiveAll()))
      const lines = await Promise.all(crowd.map((client) => daemon.lineOf(client)))
      assert.deepEqual(new Set(lines.map(({ reason }) => reason)), new Set(['overload-idle']))
      assert.equal((await daemon.metrics()).sum('tidegate_strikes_total'), 0)
    })

    it('in calm nothing changes: no level, no line, no watched client', async () => {
      const { daemon } = await start({})
      const [client] = await admitted(daemon, 5, STRANGER)
      await client.write('hello')
      const metrics = await daemon.metrics()
      assert.equal(metrics.sum('tidegate_overload_wanted_level', { cause: 'connections' }), 0)
      assert.equal(metrics.sum(REFUSED), 0)
      const status = JSON.parse((await daemon.get('/status.json')).body) as { overload: Record<string, unknown> }
      assert.deepEqual(Object.keys(status.overload), ['level', 'causes', 'knownClients'])
    })
  })
})
