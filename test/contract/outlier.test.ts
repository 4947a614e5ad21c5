/** An upstream that fails one connect after the other is taken out, comes back, and is never the last one lost in silence. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { TestService } from '../harness/config.ts'
import { type ConnectionLine, Daemon } from '../harness/daemon.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { closedAddress, echo, Upstream } from '../harness/upstream.ts'

forBothEnginesAtOnce((engine) => {
  describe('outlier', () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
    })

    /** Nothing is remembered of an address, so that every client would pay for a dead one. */
    async function start(service: Omit<TestService, 'name'>): Promise<Daemon> {
      const outlier = { failures: 5, ...(service['outlier'] as object) }
      const daemon = await Daemon.start({
        engine,
        services: [{ retryFailedAfter: '0s', ...(service as TestService), outlier }],
      })
      open.push(daemon)
      return daemon
    }

    async function echoUpstream(at: { host?: string; port?: number } = {}): Promise<Upstream> {
      const upstream = await Upstream.listen({ ...at, onConnection: echo })
      open.push({ stop: () => upstream.close() })
      return upstream
    }

    async function visit(daemon: Daemon): Promise<ConnectionLine> {
      const client = await Peer.connect(daemon.addressOf())
      await client.write('hello')
      await client.receiveText('hello')
      client.finish()
      assert.equal((await client.receiveAll()).ending, 'fin')
      return daemon.lineOf(client)
    }

    async function attemptsOf(daemon: Daemon, visits: number): Promise<number[]> {
      const attempts: number[] = []
      for (let i = 0; i < visits; i++) attempts.push((await visit(daemon)).attempts)
      return attempts
    }

    it('a dead upstream of three leaves after 5 failures over all workers, and returns after ejectFor', async () => {
      const [dead, second, third] = [await closedAddress(), await echoUpstream(), await echoUpstream()]
      const upstreams = [{ address: dead.text, name: 'dead' }, second.address.text, third.address.text]
      const daemon = await start({ upstreams, outlier: { ejectFor: '3s' } })
      assert.deepEqual(await attemptsOf(daemon, 8), [2, 2, 2, 2, 2, 1, 1, 1])
      const line = await daemon.waitForLine('the ejection', ({ event }) => event === 'upstream-ejected')
      assert.deepEqual([line['service'], line['upstream'], line['failures']], ['web', 'dead', 5])
      const labels = { service: 'web', upstream: 'dead' }
      assert.equal((await daemon.metrics()).sum('tidegate_upstream_ejections_total', labels), 1)
      assert.equal((await daemon.metrics()).sum('tidegate_upstream_up', labels), 0)
      await daemon.waitForLine('its return', ({ event }) => event === 'upstream-returned')
      await echoUpstream({ host: dead.host, port: dead.port })
      const back = await visit(daemon)
      assert.deepEqual([back.upstream, back.attempts], ['dead', 1])
    })

    it('at most half of the upstreams are out at once', async () => {
      const [one, two, three] = [await closedAddress(), await closedAddress(), await echoUpstream()]
      const daemon = await start({ upstreams: [one.text, two.text, three.address.text] })
      assert.deepEqual(await attemptsOf(daemon, 12), [3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2])
    })

    it('with all out whenAllDown try-all still serves, and the log says so aloud', async () => {
      const dead = await closedAddress()
      const daemon = await start({
        upstreams: [dead.text],
        outlier: { maxEjected: '100%', ejectFor: '1h', ejectForMax: '1h' },
      })
      for (let i = 0; i < 6; i++) {
        const client = await Peer.connect(daemon.addressOf())
        assert.equal((await client.receiveAll()).ending, 'reset')
        assert.equal((await daemon.lineOf(client)).attempts, 1)
      }
      const line = await daemon.waitForLine('the alarm', ({ event }) => event === 'all-upstreams-down')
      assert.deepEqual([line['level'], line['service'], line['whenAllDown']], ['error', 'web', 'try-all'])
      assert.equal((await daemon.metrics()).sum('tidegate_all_upstreams_down', { service: 'web' }), 1)
      await echoUpstream({ host: dead.host, port: dead.port })
      assert.equal((await visit(daemon)).attempts, 1)
    })

    it('with all out whenAllDown refuse asks nobody', async () => {
      const dead = await closedAddress()
      const outlier = { failures: 1, maxEjected: '100%' }
      const daemon = await start({ upstreams: [dead.text], whenAllDown: 'refuse', outlier })
      for (const attempts of [1, 0]) {
        const client = await Peer.connect(daemon.addressOf())
        assert.equal((await client.receiveAll()).ending, 'reset')
        const line = await daemon.lineOf(client)
        assert.deepEqual([line.reason, line.attempts], ['upstream-unreachable', attempts])
      }
    })

    it('source ports that we lack are not the upstream to blame', async () => {
      const [first, second] = [await echoUpstream(), await echoUpstream()]
      const upstreams = [first.address.text, second.address.text]
      const daemon = await start({ upstreams, sourceAddresses: ['192.0.2.77'], outlier: { failures: 1 } })
      for (let i = 0; i < 3; i++) {
        const client = await Peer.connect(daemon.addressOf())
        assert.equal((await client.receiveAll()).ending, 'reset')
        assert.equal((await daemon.lineOf(client)).reason, 'no-source-port')
      }
      const metrics = await daemon.metrics()
      assert.equal(metrics.sum('tidegate_upstream_connect_failures_total'), 6)
      assert.equal(metrics.sum('tidegate_upstream_ejections_total'), 0)
    })
  })
})
