/** The kernel's part in refusing, with nftables for real: a network of our own, and a cable to another one. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { NftError, problemFrom, runNft, type RunNft } from '../../src/kernel/nftables.ts'
import { parseNetwork, type Network } from '../../src/lib/ip.ts'
import { Firewall } from '../../src/control/shield/firewall.ts'
import type { FirewallConfig } from '../../src/control/shield/firewall-config.ts'
import type { Tables } from '../../src/traffic/tables.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { waitFor } from '../harness/deadline.ts'
import { ForeignNetwork, NEAR } from '../harness/foreign-network.ts'
import { setSysctl } from '../harness/own-network.ts'

const CONFIG: FirewallConfig = {
  mode: 'auto',
  table: 'tidegate',
  keep: false,
  loopback: false,
  entriesMax: 65_536,
  synsPerSecond: 0,
  dropInvalid: false,
  synproxy: false,
}
const SOURCE = '10.99.0.2'
const OTHER = '10.99.1.2'
const SOURCE_6 = 'fd99:0:0:1::2'

const network = await ForeignNetwork.open()
const skip = typeof network === 'string' ? network : nftProblem()
const foreign = network as ForeignNetwork

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

const prefix = (text: string): Network => parseNetwork(text)!

describe('firewall', { skip }, () => {
  let server: Server
  let otherServer: Server
  let ports: { listener: number; other: number }
  const firewalls: Firewall[] = []

  before(async () => {
    for (const address of [SOURCE, OTHER, SOURCE_6]) await foreign.addAddress(address)
    ;[server, otherServer] = [createServer(), createServer()]
    for (const each of [server, otherServer]) {
      await new Promise<void>((resolve) => each.listen({ host: '::', port: 0 }, resolve))
    }
    const [listener, other] = [server, otherServer].map((each) => (each.address() as AddressInfo).port)
    ports = { listener, other }
  })

  afterEach(async () => {
    for (const firewall of firewalls.splice(0)) await firewall.close()
    nft('flush ruleset')
  })

  after(() => {
    server.close()
    otherServer.close()
    foreign.close()
  })

  async function open(config: Partial<FirewallConfig> = {}, run: RunNft = runNft, hasPredecessor = false) {
    const { log, records } = capturedLog()
    const firewall = new Firewall({ config: { ...CONFIG, ...config }, log, run, pollMs: 100, hasPredecessor })
    firewalls.push(firewall)
    firewall.setAllowed([])
    firewall.useTables(tablesFor(ports.listener))
    await firewall.start()
    const events = (): unknown[] => records().map(({ event }) => event)
    const isSettled = async (): Promise<void> => {
      await waitFor('the table', () => firewall.view().state.kind === 'active')
    }
    return { firewall, events, records, isSettled }
  }

  function tablesFor(port: number): Tables {
    const listeners = [{ index: 0, address: { family: 6, address: '::', port }, dualStack: true }]
    return { version: 1, services: [{ listeners, acceptProxyFrom: [] }] } as unknown as Tables
  }

  const isConnected = async (from: string, to = NEAR.ipv4 as string, port = ports.listener): Promise<void> => {
    const connect = foreign.connect(from, to, port)
    await waitFor(`a connection from ${from}`, () => connect.state() === 'connected')
    connect.end()
  }

  test('a ban drops packets, counts them, and ends by itself', async () => {
    const { firewall, isSettled } = await open()
    await isConnected(SOURCE)
    firewall.change({ add: [{ prefix: prefix(SOURCE), timeoutMs: 2_000 }] })
    await isSettled()
    const banned = foreign.connect(SOURCE, NEAR.ipv4, ports.listener)
    await waitFor('dropped packets', () => firewall.view().rules.ban.packets > 0)
    assert.equal(banned.state(), 'trying')
    // Everybody else is served, and the banned one everywhere else.
    await isConnected(OTHER)
    await isConnected(SOURCE, NEAR.ipv4, ports.other)
    await waitFor('the end of the ban', () => banned.state() === 'connected')
    banned.end()
  })

  test('single sources and prefixes of both families, with one inside the other', async () => {
    const { firewall, isSettled } = await open()
    const bans = [SOURCE, '10.99.0.0/24', '10.99.0.0/16', '10.99.1.0/24', 'fd99:0:0:1::/64', 'fd99::/48'].map(
      (text) => ({
        prefix: prefix(text),
        timeoutMs: 60_000,
      }),
    )
    firewall.set(bans)
    await isSettled()
    assert.match(nft('list set inet tidegate banned_prefixes4'), /10\.99\.0\.0\/16/)
    const connects = [
      foreign.connect(OTHER, NEAR.ipv4, ports.listener),
      foreign.connect(SOURCE_6, NEAR.ipv6, ports.listener),
    ]
    await waitFor('drops of both', () => firewall.view().rules.ban.packets >= 2)
    assert.deepEqual(
      connects.map((connect) => connect.state()),
      ['trying', 'trying'],
    )
    // The prefix around it is lifted; the ban within holds.
    firewall.change({ remove: [prefix('10.99.0.0/16'), prefix('10.99.0.0/24'), prefix('10.99.1.0/24')] })
    firewall.change({ remove: [prefix('fd99::/48')] })
    await waitFor('the other to be let in', () => connects[0].state() === 'connected')
    assert.equal(connects[1].state(), 'trying')
    firewall.change({ remove: [prefix('fd99:0:0:1::/64')] })
    await waitFor('IPv6 to be let in', () => connects[1].state() === 'connected')
    for (const connect of connects) connect.end()
  })

  test('the deny list holds until it is changed, and the allow list wins over it and over bans', async () => {
    const { firewall, isSettled } = await open()
    firewall.setDenied([prefix('10.99.0.0/16'), prefix('10.99.1.0/24')])
    firewall.setAllowed([prefix('10.99.1.2')])
    firewall.change({ add: [{ prefix: prefix(OTHER), timeoutMs: 60_000 }] })
    await isSettled()
    await isConnected(OTHER)
    const denied = foreign.connect(SOURCE, NEAR.ipv4, ports.listener)
    await waitFor('a denied packet', () => firewall.view().rules.deny.packets > 0)
    assert.equal(firewall.view().rules.ban.packets, 0)
    assert.equal(denied.state(), 'trying')
    firewall.setDenied([prefix('10.99.1.0/24')])
    await waitFor('the one who is denied no more', () => denied.state() === 'connected')
    denied.end()
  })

  test('a proxy in front speaks for others: it is never refused by its address', async () => {
    const { firewall, isSettled } = await open()
    const tables = tablesFor(ports.listener)
    const [service] = tables.services
    firewall.useTables({ ...tables, services: [{ ...service, acceptProxyFrom: [prefix('10.99.0.0/24')] }] })
    firewall.setDenied([prefix('10.99.0.0/16')])
    await isSettled()
    await isConnected(SOURCE)
  })

  test('10,000 bans come in one transaction; more than fit displace the oldest', async () => {
    const { firewall, isSettled } = await open({ entriesMax: 10_000 })
    const bans = Array.from({ length: 10_100 }, (_, i) => ({
      prefix: prefix(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`),
      timeoutMs: 600_000,
    }))
    firewall.set(bans)
    await isSettled()
    const banned = () => firewall.view().sets.find(({ name }) => name === 'banned4')
    // At once, but where a user namespace allows small transactions only.
    await waitFor('all of them', () => banned()?.entries === 10_000)
    assert.deepEqual(banned(), { name: 'banned4', entries: 10_000, entriesMax: 10_000, displaced: 100 })
    // Asked without holding up the firewall of this process: nft takes its time on a busy machine.
    const inKernel = async (): Promise<string> => runNft(['list', 'set', 'inet', 'tidegate', 'banned4'])
    await waitFor('the kernel to have them', async () => (await inKernel()).match(/ timeout /g)?.length === 10_000)
    // Set anew with another end, all of them.
    firewall.change({ add: bans.map(({ prefix }) => ({ prefix, timeoutMs: 100_000 })) })
    await waitFor('new ends', async () => !(await inKernel()).includes('timeout 10m'))
    firewall.set([])
    await waitFor('no bans', async () => !(await inKernel()).includes('elements'))
    assert.equal(firewall.view().state.kind, 'active')
  })

  test('what somebody else flushes is noticed and put back: the table, its rules, its sets', async () => {
    const { firewall, isSettled, events } = await open()
    nft('add table inet others')
    firewall.setDenied([prefix('10.99.0.0/24')])
    await isSettled()
    const flushes = [
      'flush ruleset',
      'flush table inet tidegate',
      'flush set inet tidegate denied4',
      'delete table inet tidegate',
    ]
    for (const [i, flush] of flushes.entries()) {
      nft(flush)
      await waitFor(`the end of ${flush}`, () => firewall.view().restored === i + 1)
      const denied = firewall.view().rules.deny.packets
      const connect = foreign.connect(SOURCE, NEAR.ipv4, ports.listener)
      await waitFor('a denied packet', () => firewall.view().rules.deny.packets > denied)
      assert.equal(connect.state(), 'trying')
      connect.end()
    }
    assert.equal(events().filter((event) => event === 'firewall-restored').length, flushes.length)
  })

  test('other tables stay as they are, and ours is gone at the end', async () => {
    nft('add table inet others')
    nft('add set inet others s { type ipv4_addr ; elements = { 192.0.2.1 } ; }')
    const before = nft('list ruleset')
    const { firewall, isSettled } = await open()
    firewall.setDenied([prefix('10.99.0.0/24')])
    await isSettled()
    await firewall.close()
    assert.equal(nft('list ruleset'), before)
  })

  test('a table of our name that another program made is left alone, and the log says what to do', async () => {
    nft('add table inet filter')
    nft('add chain inet filter input { type filter hook input priority filter ; policy accept ; }')
    nft('add rule inet filter input tcp dport 22 accept')
    const before = nft('list ruleset')
    const { firewall, events } = await open({ table: 'filter' })
    assert.deepEqual([events(), nft('list ruleset')], [[], before])
    firewall.setDenied([prefix('10.99.0.0/24')])
    const why = await waitFor('a refusal', () => {
      const { state } = firewall.view()
      return state.kind === 'refused' && state.why
    })
    assert.match(
      why,
      /table inet filter was not made by Tidegate; give ours another name with protect\.firewall\.table/,
    )
    await firewall.close()
    assert.equal(nft('list ruleset'), before)
  })

  test('kept where the configuration says so; the next start goes on with it or takes it away', async () => {
    const first = await open({ keep: true })
    first.firewall.setDenied([prefix('10.99.0.0/24')])
    await first.isSettled()
    await first.firewall.close()
    assert.match(nft('list tables'), /inet tidegate/)
    const connect = foreign.connect(SOURCE, NEAR.ipv4, ports.listener)
    const second = await open()
    assert.deepEqual(second.events(), ['firewall-leftover'])
    assert.doesNotMatch(nft('list tables'), /tidegate/)
    await waitFor('the one that was denied', () => connect.state() === 'connected')
    connect.end()
  })

  test('one daemon for each table: the second says so, and goes on when the first is gone', async () => {
    const first = await open()
    const second = await open()
    first.firewall.setDenied([prefix('10.99.0.0/24')])
    await first.isSettled()
    second.firewall.setDenied([prefix('10.99.1.0/24')])
    const state = await waitFor('a refusal', () => {
      const { state } = second.firewall.view()
      return state.kind === 'refused' && state
    })
    assert.equal(
      state.why,
      `table inet tidegate belongs to another Tidegate that runs (pid ${process.pid}); give this one its own with protect.firewall.table`,
    )
    assert.doesNotMatch(nft('list set inet tidegate denied4'), /10\.99\.1/)
    await first.firewall.close()
    await second.isSettled()
    assert.match(nft('list set inet tidegate denied4'), /10\.99\.1/)
    const third = await open({ table: 'tidegate_two' })
    third.firewall.setDenied([prefix('10.99.1.0/24')])
    await third.isSettled()
    assert.match(nft('list tables'), /inet tidegate\n.*inet tidegate_two/)
  })

  test('an upgrade: the table stays while it passes from one to the next', async () => {
    const first = await open()
    first.firewall.setDenied([prefix('10.99.0.0/24')])
    await first.isSettled()
    const next = await open({}, runNft, true)
    next.firewall.setDenied([prefix('10.99.0.0/24')])
    const seen: boolean[] = []
    const watch = setInterval(() => seen.push(/inet tidegate/.test(nft('list tables'))), 10)
    await first.firewall.handOver()
    await next.isSettled()
    await first.firewall.close()
    clearInterval(watch)
    assert.ok(!seen.includes(false))
    assert.match(nft('list tables'), /inet tidegate/)
    assert.ok(!next.events().includes('firewall-refused'))
  })

  test('after an upgrade with nobody left to refuse the old table goes', async () => {
    const first = await open()
    first.firewall.setDenied([prefix('10.99.0.0/24')])
    await first.isSettled()
    const next = await open({ mode: 'off' }, runNft, true)
    await first.firewall.handOver()
    await waitFor('the table to go', () => !/tidegate/.test(nft('list tables')))
    assert.equal(next.firewall.view().state.kind, 'off')
  })

  test('an upgrade to another table name: the old table goes with the old process', async () => {
    const first = await open()
    first.firewall.setDenied([prefix('10.99.0.0/24')])
    await first.isSettled()
    const next = await open({ table: 'renamed' }, runNft, true)
    next.firewall.setDenied([prefix('10.99.0.0/24')])
    await first.firewall.handOver()
    await next.isSettled()
    await first.firewall.close()
    assert.deepEqual(nft('list tables').trim().split('\n'), ['table inet renamed'])
  })

  test('one that is stopped while nft is still at work for its hand-over cleans up all the same', async () => {
    const gate = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    let isSlow = false
    const first = await open({}, async (...words) => {
      if (isSlow) {
        asked.resolve()
        await gate.promise
      }
      return await runNft(...words)
    })
    first.firewall.setDenied([prefix('10.99.0.0/24')])
    await first.isSettled()
    isSlow = true
    first.firewall.setDenied([prefix('10.99.1.0/24')])
    await asked.promise
    const ends = [first.firewall.handOver(), first.firewall.close()]
    gate.resolve()
    await Promise.all(ends)
    assert.doesNotMatch(nft('list tables'), /tidegate/)
  })

  test('what could not be brought into the kernel is idle again once nobody is to be refused', async () => {
    const { firewall } = await open({}, async () => {
      throw new NftError('refused', 'Cannot allocate memory')
    })
    firewall.setDenied([prefix('10.99.0.0/24')])
    await waitFor('a refusal', () => firewall.view().state.kind === 'refused')
    firewall.setDenied([])
    await waitFor('peace', () => firewall.view().state.kind === 'idle')
  })

  test('more connects than synRate allows are dropped, for one source only', async () => {
    const { firewall, isSettled } = await open({ synsPerSecond: 5 })
    await isSettled()
    const flood = Array.from({ length: 30 }, () => foreign.connect(SOURCE, NEAR.ipv4, ports.listener))
    await isConnected(OTHER)
    await waitFor('dropped SYNs', () => firewall.view().rules['syn-rate'].packets > 0)
    for (const connect of flood) connect.end()
  })

  test('packets of no connection are dropped where that is asked for, and clients are served', async () => {
    const { firewall, isSettled } = await open({ dropInvalid: true })
    await isSettled()
    await isConnected(SOURCE)
    assert.match(nft('list table inet tidegate'), /ct state invalid/)
    assert.deepEqual(firewall.view().withouts, [])
  })

  test('synproxy: without its sysctl it is left out and said, with it clients connect through it', async () => {
    const { firewall, isSettled, events } = await open({ synproxy: true })
    await isSettled()
    assert.deepEqual(firewall.view().withouts, ['synproxy: it needs net.netfilter.nf_conntrack_tcp_loose=0'])
    assert.ok(events().includes('firewall-without'))
    await isConnected(SOURCE)
    await firewall.close()
    setSysctl('net.netfilter.nf_conntrack_tcp_loose', '0')
    const second = await open({ synproxy: true })
    await second.isSettled()
    assert.deepEqual(second.firewall.view().withouts, [])
    assert.match(nft('list table inet tidegate'), /synproxy mss 1460/)
    await isConnected(SOURCE)
    await isConnected(SOURCE_6, NEAR.ipv6)
    setSysctl('net.netfilter.nf_conntrack_tcp_loose', '1')
  })

  test('a change that the kernel does not take is made good by a new table', async () => {
    let refusals = 0
    const { firewall, isSettled, events } = await open({}, async (args, script) => {
      if (script?.includes('192.0.2.1 ') && !script.includes('table inet tidegate {') && refusals++ === 0) {
        throw new NftError('refused', 'line 1: File exists')
      }
      return runNft(args, script)
    })
    firewall.setDenied([prefix('10.99.0.0/24')])
    await isSettled()
    firewall.change({
      add: [
        { prefix: prefix('192.0.2.1'), timeoutMs: 60_000 },
        { prefix: prefix('192.0.2.2'), timeoutMs: 60_000 },
      ],
    })
    await waitFor('both bans', () => /192\.0\.2\.1 .*192\.0\.2\.2 /s.test(nft('list set inet tidegate banned4')))
    assert.equal(refusals, 1)
    assert.deepEqual(events(), ['firewall-active'])
  })

  test('a kernel that takes small transactions only gets the same in parts', async () => {
    const { firewall, isSettled } = await open({}, async (args, script) => {
      if ((script?.length ?? 0) > 100_000) throw new NftError('too-long', 'Message too long')
      return runNft(args, script)
    })
    firewall.set(
      Array.from({ length: 5_000 }, (_, i) => ({ prefix: prefix(`10.0.${i >> 8}.${i & 255}`), timeoutMs: Infinity })),
    )
    await isSettled()
    await waitFor('all bans', () => nft('list set inet tidegate banned4').match(/10\.0\./g)?.length === 5_000)
  })

  test('when a table can be made no more, old bans do not stay behind', async () => {
    let isBroken = false
    const { firewall, isSettled } = await open({}, async (args, script) => {
      if (isBroken && script?.includes('set banned4')) throw new NftError('refused', 'Cannot allocate memory')
      return runNft(args, script)
    })
    firewall.setDenied([prefix('10.99.0.0/24')])
    await isSettled()
    isBroken = true
    firewall.useTables(tablesFor(ports.other))
    await waitFor('a refusal', () => firewall.view().state.kind === 'refused')
    assert.doesNotMatch(nft('list tables'), /tidegate/)
  })

  test('without nft, or without rights, it says why and does nothing', async () => {
    const refusalWith = async (run: RunNft): Promise<unknown> => {
      const { firewall, records } = await open({}, run)
      firewall.setDenied([prefix('10.99.0.0/24')])
      await waitFor('a refusal', () => firewall.view().state.kind === 'refused')
      await firewall.close()
      return records().map(({ event, why }) => `${event}: ${why}`)
    }
    const path = process.env['PATH']
    const withoutNft: RunNft = async (args, script) => {
      process.env['PATH'] = '/nowhere'
      const ran = runNft(args, script)
      process.env['PATH'] = path
      return ran
    }
    assert.deepEqual(await refusalWith(withoutNft), [
      'firewall-refused: there is no nft on the PATH; install the package nftables',
    ])
    const withoutRights: RunNft = async () => {
      throw problemFrom('Operation not permitted (you must be root)\n')
    }
    assert.deepEqual(await refusalWith(withoutRights), [
      'firewall-refused: the kernel lets only a process with CAP_NET_ADMIN change firewall tables',
    ])
  })
})
