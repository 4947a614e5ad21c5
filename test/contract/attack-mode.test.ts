/** A flood is called an attack, strangers have less until it is over, friends do not; and a record says how it was. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import { AttacksAnswer, AttackView, CheckIpAnswer, TopAnswer } from '../../src/api/contract.ts'
import { temporaryFolder, type TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { buildV2, v4Addresses } from '../harness/proxy-header.ts'
import { tidegate } from '../harness/tidegate.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const FLOODER = '127.0.1.1'
/** On the allow list. */
const FRIEND = '127.0.9.1'
/** Has moved more than a look in does, in calm. */
const KNOWN = '127.0.6.1'
/** Floods that say it are heard before they go. */
const HELLO = Buffer.from('hello')
/** Attacks are all that is under test; the flooder would be banned otherwise. */
const PROTECT = { allow: ['127.0.9.0/24'], bans: { rule: 'off' } }
const OFF = { rule: 'off' }
/** Called within seconds, by tens of connections. */
const QUICK = {
  startAfter: '2s',
  endAfter: '3s',
  learnFor: '0s',
  floors: { newConnections: '20/s', sources: 10_000, unused: 100 },
  perAddress: { rule: 'on', connections: 3, rate: 'off' },
}

forBothEnginesAtOnce((engine) => {
  describe('under attack', () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
    })

    async function start(
      attack: Record<string, unknown>,
      service: Partial<TestService> = {},
      stateDir = join(temporaryFolder(), 'state'),
    ): Promise<Daemon> {
      const upstream = await Upstream.listen({ onConnection: echo })
      open.push({ stop: () => upstream.close() })
      const protect = { perAddress: { rule: 'on', connections: 1000, rate: 'off' }, perPrefix: OFF, attack }
      const services = [{ upstreams: [upstream.address.text], ...service, protect }]
      const daemon = await Daemon.start({ engine, admin: { stateDir }, protect: PROTECT, services })
      open.push(daemon)
      return daemon
    }

    /** Clients that come and go, five at once, until it is stopped. */
    function flood(
      daemon: Daemon,
      addressOf: (client: number) => string,
      say?: Buffer,
    ): { readonly stop: () => Promise<void> } {
      let isStopped = false
      let client = 0
      const come = async (): Promise<void> => {
        const peer = await Peer.connect(daemon.addressOf(), { localAddress: addressOf(client++) }).catch(
          () => undefined,
        )
        if (say !== undefined) await peer?.write(say).catch(() => {})
        // One that has reset before it is accepted has no address in the node engine.
        if (say === HELLO) await peer?.receive(say.length).catch(() => {})
        peer?.reset()
      }
      const run = async (): Promise<void> => {
        while (!isStopped) await Promise.all(Array.from({ length: 5 }, come))
      }
      const running = run()
      const stop = async (): Promise<void> => {
        isStopped = true
        await running
      }
      open.push({ stop })
      return { stop }
    }

    async function crowd(daemon: Daemon, clients: number, localAddress: string): Promise<Peer[]> {
      const peers = await Promise.all(
        Array.from({ length: clients }, () => Peer.connect(daemon.addressOf(), { localAddress })),
      )
      open.push(...peers.map((peer) => ({ stop: () => peer.destroy() })))
      return peers
    }

    /** How many of them were let in: each has its echo, or its end. */
    async function servedOf(peers: readonly Peer[]): Promise<number> {
      const served = await Promise.all(
        peers.map(async (peer) => {
          peer.socket.on('error', () => {})
          peer.socket.end('hello')
          return (await peer.receiveAll()).bytes.toString() === 'hello'
        }),
      )
      return served.filter(Boolean).length
    }

    /** Sends and gets back what makes a client known. */
    async function useService(daemon: Daemon, localAddress: string): Promise<void> {
      const [peer] = await crowd(daemon, 1, localAddress)
      peer.socket.end('x'.repeat(4096))
      assert.equal((await peer.receiveAll()).bytes.length, 4096)
    }

    /** Of those that stay. */
    async function refusedOf(peers: readonly Peer[], refused: number): Promise<void> {
      await waitFor(`${refused} to be refused`, () => {
        return peers.filter(({ endingNow }) => endingNow !== undefined).length === refused
      })
    }

    function started(daemon: Daemon) {
      return daemon.waitForLine('the attack', ({ event }) => event === 'attack-started')
    }

    function ended(daemon: Daemon) {
      return daemon.waitForLine('the end of the attack', ({ event }) => event === 'attack-ended')
    }

    async function attacks(daemon: Daemon): Promise<AttacksAnswer> {
      return AttacksAnswer.parse(JSON.parse((await daemon.get('/api/v1/attacks')).body))
    }

    const said = async (daemon: Daemon, ...args: string[]) => (await tidegate(daemon, ...args)).stdout

    it('a flood is called, strangers have less, friends do not, and it ends by itself', async () => {
      const daemon = await start(QUICK)
      assert.equal(await servedOf(await crowd(daemon, 10, '127.0.3.1')), 10, 'calm')
      await useService(daemon, KNOWN)
      await daemon.waitForMetric('tidegate_known_clients', {}, 1)
      const { stop } = flood(daemon, () => FLOODER, HELLO)
      const line = await started(daemon)
      assert.deepEqual([line['service'], line['kind'], line['attack']], ['web', 'connection-flood', 1])
      await daemon.waitForMetric('tidegate_attack_active', { service: 'web' }, 1)
      await refusedOf(await crowd(daemon, 10, '127.0.3.2'), 7)
      assert.equal(await servedOf(await crowd(daemon, 10, FRIEND)), 10, 'friends')
      await useService(daemon, '127.0.6.2')
      await refusedOf(await crowd(daemon, 10, '127.0.6.2'), 7)
      assert.equal(await servedOf(await crowd(daemon, 10, KNOWN)), 10, 'known clients')
      const top = await waitFor('the flooder on top', async () => {
        const answer = TopAnswer.parse(JSON.parse(await said(daemon, 'top', '--json')))
        return answer.sources[0]?.source === FLOODER ? answer.sources[0] : undefined
      })
      assert.ok(top.newPerSecond > 1)
      assert.equal((await attacks(daemon)).services[0].attack, 1)

      await stop()
      const end = await ended(daemon)
      assert.deepEqual([end['ended'], (end['topSources'] as string[])[0]], ['calm', FLOODER])
      assert.equal(await servedOf(await crowd(daemon, 10, '127.0.3.3')), 10, 'calm again')
      await daemon.waitForMetric('tidegate_attack_active', { service: 'web' }, 0)
      await daemon.waitForMetric('tidegate_attacks_total', { service: 'web', kind: 'connection-flood' }, 1)
    })

    it('the record says when, how strong, from where, what was done and who was served', async () => {
      const daemon = await start(QUICK)
      const { stop } = flood(daemon, () => FLOODER, HELLO)
      await started(daemon)
      await refusedOf(await crowd(daemon, 10, '127.0.3.2'), 7)
      // The record begins with the call: the flooder has to come more often than the stranger from then on.
      await waitFor('the flooder first in the record', async () => {
        const { addresses } = (await attacks(daemon)).attacks[0]
        return addresses.length === 2 && addresses[0].source === FLOODER && addresses[0].newConnections > 20
      })
      await stop()
      await ended(daemon)
      const [listed] = (await attacks(daemon)).attacks
      const record = AttackView.parse(JSON.parse(await said(daemon, 'attacks', 'show', '1', '--json')))
      assert.deepEqual(record, listed)
      assert.deepEqual([record.service, record.kind, record.kinds], ['web', 'connection-flood', ['connection-flood']])
      assert.ok(record.end !== null && record.end > record.start)
      assert.equal(record.limits['connection-flood'], 20)
      assert.ok(record.peak['newPerSecond'] > 20)
      assert.ok(record.refused['refused-attack'] >= 7)
      assert.equal(record.newcomers, record.admitted + record.refused['refused-attack'])
      assert.deepEqual(
        record.addresses.map(({ source }) => source),
        [FLOODER, '127.0.3.2'],
      )
      const [, stranger] = record.addresses
      // In the node engine some of the flood are gone before they have an address: the others stand for them.
      if (engine === 'linux') assert.deepEqual([stranger.newConnections, stranger.refused], [10, 7])
      else assert.ok(stranger.newConnections >= 10 && stranger.refused >= 7)
      assert.deepEqual(
        record.prefixes.map(({ source }) => source),
        ['127.0.1.0/24', '127.0.3.0/24'],
      )
      assert.match(await said(daemon, 'attacks'), /1 +web +connection-flood/)
      assert.match(await said(daemon, 'attacks', 'show', '1'), /127\.0\.3\.2 +\d+ +\d+/)
      assert.equal((await daemon.get('/api/v1/attacks/2')).status, 404)
    })

    it('many addresses that come seldom are an attack as well', async () => {
      const floors = { newConnections: '1000000/s', sources: 60, unused: 100 }
      const daemon = await start({ ...QUICK, floors })
      flood(daemon, (client) => `127.0.4.${1 + (client % 250)}`)
      assert.equal((await started(daemon))['kind'], 'distributed')
    })

    it('and so are connections that nobody uses', async () => {
      const floors = { newConnections: '1000000/s', sources: 10_000, unused: 80 }
      const daemon = await start({ ...QUICK, floors, perAddress: OFF })
      // A reset that comes before the upstream is there leaves no unused connection: some wait for it.
      const idle = async (): Promise<void> => {
        const peers = await crowd(daemon, 20, FLOODER)
        await daemon.waitForMetric('tidegate_upstream_connections_open', {}, 20)
        for (const peer of peers) peer.socket.end()
        await Promise.all(peers.map((peer) => peer.receiveAll()))
      }
      await waitFor('the attack', async () => {
        await idle()
        return daemon.lines.some(({ event }) => event === 'attack-started')
      })
      assert.equal((await started(daemon))['kind'], 'unused')
    })

    it('behind a proxy it is told by the addresses in the headers', async () => {
      const daemon = await start(QUICK, { acceptProxyFrom: ['127.0.0.0/8'] })
      flood(daemon, () => '127.0.5.1', buildV2({ addresses: v4Addresses('203.0.113.7', 1234, '192.0.2.1', 443) }))
      await started(daemon)
      await waitFor('its address on top', async () => {
        const { sources } = TopAnswer.parse(JSON.parse((await daemon.get('/api/v1/top?by=prefix')).body))
        return sources[0]?.source === '203.0.113.0/24'
      })
    })

    it('on watch it is counted whom a budget would refuse', async () => {
      const perAddress = { rule: 'watch', connections: 3, rate: 'off' }
      const daemon = await start({ ...QUICK, endAfter: '10m', perAddress })
      const { stop } = flood(daemon, () => FLOODER, HELLO)
      await started(daemon)
      // Nobody is refused, and the upstream lives with us.
      await stop()
      assert.equal(await servedOf(await crowd(daemon, 30, '127.0.3.2')), 30)
      await waitFor('those counted', async () => {
        return (await daemon.metrics()).sum('tidegate_watched_total', { reason: 'refused-attack' }) > 0
      })
    })

    it('mode on: the budgets hold from the first client on', async () => {
      const daemon = await start({ ...QUICK, mode: 'on' })
      await refusedOf(await crowd(daemon, 10, '127.0.3.2'), 7)
      assert.deepEqual((await attacks(daemon)).attacks, [])
      const { body } = await daemon.get('/api/v1/check-ip?address=127.0.3.2')
      assert.deepEqual(
        CheckIpAnswer.parse(JSON.parse(body)).findings.flatMap(({ code, text }) =>
          code === 'attack-budget' || code === 'over-limit' ? [text] : [],
        ),
        [
          'Service web holds strangers to its budgets for attacks; the address is a stranger there: 3 connections for one address.',
          'Service web: the address has 3 of 3 connections open; the next is refused (refused-attack).',
        ],
      )
    })

    it('mode off ends an attack that is under way, and no other is called', async () => {
      const daemon = await start(QUICK)
      const { stop } = flood(daemon, () => FLOODER, HELLO)
      await started(daemon)
      daemon.editConfig((text) => text.replace('"startAfter"', '"mode": "off", "startAfter"'))
      daemon.signal('SIGHUP')
      assert.equal((await ended(daemon))['ended'], 'off')
      await stop()
      assert.equal(await servedOf(await crowd(daemon, 10, '127.0.3.2')), 10)
      const { services } = await attacks(daemon)
      assert.deepEqual([services[0].mode, services[0].attack], ['off', null])
    })

    it('a daemon that was killed under attack has closed the record at its next start', async () => {
      const stateDir = join(temporaryFolder(), 'state')
      const first = await start(QUICK, {}, stateDir)
      const { stop } = flood(first, () => FLOODER)
      await started(first)
      const file = join(stateDir, 'attacks.jsonl')
      await waitFor('the record', () => existsSync(file) && readFileSync(file, 'utf8').endsWith('}\n'))
      first.signal('SIGKILL')
      await stop()
      await first.exit()
      const second = await start(QUICK, {}, stateDir)
      const [record] = (await attacks(second)).attacks
      assert.deepEqual([record.id, record.ended, record.end], [1, 'restart', record.updated])
      flood(second, () => FLOODER)
      assert.equal((await started(second))['attack'], 2)
    })
  })
})
