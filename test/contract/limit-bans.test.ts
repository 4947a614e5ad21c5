/** Who keeps on knocking beyond its limits is banned: from the first strike to the end of the ban, and to the next. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { BanList } from '../../src/api/contract.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { isServed } from '../harness/echo-client.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { flood } from '../harness/load.ts'
import { Peer } from '../harness/peer.ts'
import { tidegate } from '../harness/tidegate.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const BAD = '127.0.1.7'
/** The same /24. */
const NEIGHBOUR = '127.0.1.8'
/** Refused connections that make one whole strike. */
const REFUSED_PER_STRIKE = 1000
const KNOCKS = REFUSED_PER_STRIKE + 100
const HELD = 5
const OFF = { rule: 'off' }

forBothEnginesAtOnce((engine) => {
  describe('bans for limits', () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
    })

    async function start(perAddress: Record<string, unknown>, bans: Record<string, unknown>): Promise<Daemon> {
      const upstream = await Upstream.listen({ onConnection: echo })
      open.push({ stop: () => upstream.close() })
      const daemon = await Daemon.start({
        engine,
        protect: { allow: [], bans: { strikes: 1, within: '1h', ...bans }, firewall: { mode: 'off' } },
        services: [{ upstreams: [upstream.address.text], protect: { perAddress, perPrefix: OFF } }],
      })
      open.push(daemon)
      return daemon
    }

    async function openClient(daemon: Daemon, localAddress: string): Promise<Peer> {
      const client = await Peer.connect(daemon.addressOf(), { localAddress })
      open.push({ stop: () => client.destroy() })
      await client.write('hello')
      await client.receiveText('hello')
      return client
    }

    function crowd(daemon: Daemon, clients: number, localAddress: string): Promise<Peer[]> {
      return Promise.all(Array.from({ length: clients }, () => openClient(daemon, localAddress)))
    }

    /** All at once: what is let in of it waits with the others for the ban. */
    async function knock(daemon: Daemon): Promise<void> {
      const { endings } = await flood(daemon.addressOf(), KNOCKS, { from: BAD, batch: KNOCKS })
      assert.deepEqual(endings, { reset: KNOCKS })
    }

    function banned(daemon: Daemon, repeated: number) {
      return daemon.waitForLine('the ban', (line) => line.event === 'banned' && line['repeated'] === repeated)
    }

    async function assertEndedByBan(daemon: Daemon, clients: readonly Peer[]): Promise<void> {
      for (const client of clients) {
        assert.equal((await client.receiveAll()).ending, 'reset')
        assert.equal((await daemon.lineOf(client)).reason, 'banned')
      }
    }

    async function refusedFor(daemon: Daemon, reason: string): Promise<number> {
      return (await daemon.metrics()).sum('tidegate_refused_total', { reason })
    }

    async function bansOver(daemon: Daemon): Promise<boolean> {
      return BanList.parse(JSON.parse((await daemon.get('/api/v1/bans')).body)).bans.length === 0
    }

    const said = async (daemon: Daemon, ...args: string[]) => (await tidegate(daemon, ...args)).stdout

    it('rate: the address is out for the ttl, then in, then out for twice as long; its neighbour notices nothing', async () => {
      const perAddress = { rule: 'on', connections: 'off', rate: '2/s', burst: HELD }
      const daemon = await start(perAddress, { ttl: '2s' })
      const neighbour = await openClient(daemon, NEIGHBOUR)
      const held = await crowd(daemon, HELD, BAD)
      await knock(daemon)
      const first = await banned(daemon, 0)
      assert.deepEqual([first['prefix'], first['origin']], [BAD, 'strikes'])
      assert.match(String(first['why']), /^1 strike, the last for rate on web$/)
      await assertEndedByBan(daemon, held)
      const metrics = await daemon.metrics()
      assert.ok(metrics.sum('tidegate_strikes_total', { kind: 'rate' }) >= REFUSED_PER_STRIKE)
      assert.ok(metrics.sum('tidegate_refused_total', { reason: 'refused-address-rate' }) >= REFUSED_PER_STRIKE)

      await waitFor('the end of the ban', () => isServed(daemon, BAD))
      assert.equal(await bansOver(daemon), true)
      await knock(daemon)
      const second = await banned(daemon, 1)
      assert.deepEqual([first, second].map(lengthMs), [2000, 4000])
      await neighbour.write('again')
      await neighbour.receiveText('helloagain')
      assert.equal(await isServed(daemon, NEIGHBOUR), true)
      await waitFor('the end of the second', () => isServed(daemon, BAD))
      await daemon.waitForMetric('tidegate_bans_active', {}, 0)
      await daemon.waitForMetric('tidegate_bans_total', { origin: 'strikes' }, 2)
    })

    it('connections: who has all it may and wants more is out, and list and check-ip say why', async () => {
      const daemon = await start({ rule: 'on', connections: HELD, rate: 'off' }, {})
      const neighbour = await openClient(daemon, NEIGHBOUR)
      const held = await crowd(daemon, HELD, BAD)
      await knock(daemon)
      assert.equal((await banned(daemon, 0))['prefix'], BAD)
      await assertEndedByBan(daemon, held)
      assert.ok((await refusedFor(daemon, 'refused-address-connections')) >= REFUSED_PER_STRIKE)
      const before = await refusedFor(daemon, 'refused-ban')
      assert.equal(await isServed(daemon, BAD), false)
      assert.equal(await refusedFor(daemon, 'refused-ban'), before + 1)
      const [list, check, other] = await Promise.all([
        said(daemon, 'bans', 'list'),
        said(daemon, 'check-ip', BAD),
        said(daemon, 'check-ip', NEIGHBOUR, '--json'),
      ])
      assert.deepEqual((JSON.parse(other) as { verdict: string }).verdict, 'limits')
      assert.match(list, /127\.0\.1\.7 .*1 strike, the last for connections on web/)
      assert.match(
        check,
        /127\.0\.1\.7 is banned since \S+ until \S+, for this: 1 strike, the last for connections on web\./,
      )
      await neighbour.write('again')
      await neighbour.receiveText('helloagain')
      assert.equal(await isServed(daemon, NEIGHBOUR), true)
    })
  })
})

function lengthMs({ time, until }: Record<string, unknown>): number {
  // The line is written in the same turn, which may be a long one on a busy machine.
  return Math.round((Date.parse(String(until)) - Date.parse(String(time))) / 1000) * 1000
}
