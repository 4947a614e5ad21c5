/** The table of a whole daemon, from its start to whatever ends it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, afterEach, before, describe, test } from 'node:test'
import { ShieldStatus } from '../../src/api/contract.ts'
import { temporaryFolder } from '../harness/config.ts'
import { Daemon, runTidegate } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { ForeignNetwork, NEAR } from '../harness/foreign-network.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const SOURCE = '10.99.0.2'
const OTHER = '10.99.1.2'

const network = await ForeignNetwork.open()
const skip = typeof network === 'string' ? network : nftProblem()
const foreign = network as ForeignNetwork
if (skip === false) for (const address of [SOURCE, OTHER]) await foreign.addAddress(address)

function nft(command: string): string {
  return execFileSync('nft', command.split(' '), { encoding: 'utf8', stdio: 'pipe' })
}

function nftProblem(): string | false {
  try {
    nft('list tables')
    return false
  } catch (error) {
    return `nft does not work here: ${(error as Error).message}`
  }
}

forEachEngine((engine) => {
  describe('the table of a daemon', { skip }, () => {
    let upstream: Upstream
    const daemons: Daemon[] = []

    before(async () => {
      upstream = await Upstream.listen()
      upstream.onConnection = echo
    })

    afterEach(async () => {
      for (const daemon of daemons.splice(0)) await daemon.stop()
      nft('flush ruleset')
    })

    after(() => upstream.close())

    async function start(
      firewall: Record<string, unknown> = {},
      launch: { prefix?: string[]; env?: Record<string, string> } = {},
      protect: Record<string, unknown> = {},
      admin: Record<string, unknown> = {},
    ): Promise<Daemon> {
      const services = [{ upstreams: [upstream.address.text], listen: ['0.0.0.0:0'] }]
      const daemon = await Daemon.start({ engine, services, protect: { firewall, ...protect }, admin, ...launch })
      daemons.push(daemon)
      return daemon
    }

    async function shieldOf(daemon: Daemon): Promise<ShieldStatus['firewall']> {
      const { body } = await daemon.get('/api/v1/shield')
      return ShieldStatus.parse(JSON.parse(body)).firewall
    }

    const isTableThere = (): boolean => nft('list tables').includes('tidegate')

    test('it drops, is shown and counted, and is gone after the end', async () => {
      const daemon = await start({ synRate: '5/s' })
      await daemon.waitForLine('the table', ({ event }) => event === 'firewall-active')
      const { port } = daemon.addressOf()
      const flood = Array.from({ length: 30 }, () => foreign.connect(SOURCE, NEAR.ipv4, port))
      const other = foreign.connect(OTHER, NEAR.ipv4, port)
      await waitFor('the other client', () => other.state() === 'connected')
      await waitFor('drops in /metrics', async () => {
        return (await daemon.metrics()).sum('tidegate_firewall_dropped_packets_total', { rule: 'syn-rate' }) > 0
      })
      const metrics = await daemon.metrics()
      assert.ok(metrics.sum('tidegate_firewall_dropped_bytes_total', { rule: 'syn-rate' }) > 0)
      assert.equal(metrics.sum('tidegate_firewall_active'), 1)
      for (const connect of [...flood, other]) connect.end()
      const { output, code } = await runTidegate(['shield', 'show', '--admin', daemon.adminAddress.text])
      assert.equal(code, 0)
      assert.match(output, /kernel {2}active\n {2}table inet tidegate since /)
      assert.match(output, /syn-rate +on +\d+/)
      await daemon.waitForLine('what was dropped', ({ event }) => event === 'firewall-dropped')
      daemon.signal('SIGTERM')
      await daemon.exit()
      assert.ok(!isTableThere())
    })

    test('whom an operator bans the kernel drops, until the ban is taken back; a new start goes on with it', async () => {
      const stateDir = temporaryFolder()
      let daemon = await start({}, {}, {}, { stateDir })
      const { port } = daemon.addressOf()
      const admin = (): string[] => ['--admin', daemon.adminAddress.text]
      assert.equal((await runTidegate(['bans', 'add', SOURCE, ...admin()])).code, 0)
      await daemon.waitForLine('the table', ({ event }) => event === 'firewall-active')
      const connect = foreign.connect(SOURCE, NEAR.ipv4, port)
      await waitFor('dropped packets', async () => {
        return (await daemon.metrics()).sum('tidegate_firewall_dropped_packets_total', { rule: 'ban' }) > 0
      })
      assert.equal(connect.state(), 'trying')
      await isServed(daemon, OTHER)
      assert.equal((await runTidegate(['bans', 'remove', SOURCE, ...admin()])).code, 0)
      await waitFor('the one that was banned', () => connect.state() === 'connected')
      connect.end()
      assert.equal((await runTidegate(['bans', 'add', OTHER, ...admin()])).code, 0)
      daemon.kill()
      await daemon.exit()
      daemon = await start({}, {}, {}, { stateDir })
      await daemon.waitForLine('the table', ({ event }) => event === 'firewall-active')
      assert.match(nft('list set inet tidegate banned4'), /10\.99\.1\.2/)
    })

    test('the deny list is dropped, the allow list is not, and a reload changes both', async () => {
      const lists = { deny: ['10.99.0.0/16'], allow: [OTHER] }
      const daemon = await start({}, {}, lists)
      await daemon.waitForLine('the table', ({ event }) => event === 'firewall-active')
      const { port } = daemon.addressOf()
      const connect = foreign.connect(SOURCE, NEAR.ipv4, port)
      await waitFor('dropped packets', async () => {
        return (await daemon.metrics()).sum('tidegate_firewall_dropped_packets_total', { rule: 'deny' }) > 0
      })
      await isServed(daemon, OTHER)
      assert.equal(connect.state(), 'trying')
      daemon.editConfig((text) => text.replace('10.99.0.0/16', '10.99.1.0/24'))
      daemon.signal('SIGHUP')
      await daemon.waitForLine('the reload', ({ event }) => event === 'reloaded')
      await waitFor('the one that was denied', () => connect.state() === 'connected')
      connect.end()
      assert.equal((await daemon.metrics()).sum('tidegate_refused_total', { reason: 'refused-deny-list' }), 0)
    })

    test('without anybody to refuse there is no table', async () => {
      const daemon = await start()
      assert.equal((await shieldOf(daemon)).state, 'idle')
      assert.ok(!isTableThere())
    })

    test('what a killed daemon left is removed by the next, whether it wants a table or not', async () => {
      const daemon = await start({ synRate: '5/s' })
      await daemon.waitForLine('the table', ({ event }) => event === 'firewall-active')
      daemon.kill()
      await daemon.exit()
      assert.ok(isTableThere())
      const next = await start()
      await next.waitForLine('the removal', ({ event }) => event === 'firewall-leftover')
      assert.ok(!isTableThere())
    })

    test('kept at the end where the configuration says so', async () => {
      const daemon = await start({ synRate: '5/s', keep: true })
      await daemon.waitForLine('the table', ({ event }) => event === 'firewall-active')
      daemon.signal('SIGTERM')
      await daemon.exit()
      assert.ok(isTableThere())
    })

    test('an upgrade passes it on, and the end of the old process does not take it away', async () => {
      const daemon = await start({ synRate: '5/s' })
      await daemon.waitForLine('the table', ({ event }) => event === 'firewall-active')
      const { pid } = daemon
      daemon.signal('SIGUSR2')
      const upgraded = await daemon.waitForLine('the upgrade', ({ event }) => event === 'upgraded')
      const next = upgraded['pid'] as number
      await waitFor('the next to keep it', () => nft('list chains').includes(`daemon_${next}`))
      await waitFor('the end of the old process', () => !isRunning(pid))
      assert.ok(isTableThere())
      process.kill(next, 'SIGTERM')
      await daemon.exit()
      assert.ok(!isTableThere())
    })

    test('without rights it says so, and serves', async () => {
      const daemon = await start(
        { synRate: '5/s' },
        { prefix: ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'] },
      )
      const line = await daemon.waitForLine('the refusal', ({ event }) => event === 'firewall-refused')
      assert.match(String(line['why']), /CAP_NET_ADMIN/)
      await isServed(daemon)
      const { state, why } = await shieldOf(daemon)
      assert.equal(state, 'refused')
      assert.equal(why, line['why'])
    })

    test('without nft it says so, and serves', async () => {
      const daemon = await start({ synRate: '5/s' }, { env: { PATH: '/nowhere' } })
      const line = await daemon.waitForLine('the refusal', ({ event }) => event === 'firewall-refused')
      assert.match(String(line['why']), /no nft on the PATH/)
      await isServed(daemon)
    })

    async function isServed(daemon: Daemon, from = SOURCE): Promise<void> {
      const connect = foreign.connect(from, NEAR.ipv4, daemon.addressOf().port)
      await waitFor('a client to be served', () => connect.state() === 'connected')
      connect.end()
    }
  })
})

after(() => {
  if (skip === false) foreign.close()
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
