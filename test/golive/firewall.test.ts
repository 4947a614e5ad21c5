/** The scripts do what they say, with the real programs: this network is the upstream's machine, the foreign one the world. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Server } from 'node:net'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { firewallScript } from '../../src/control/golive/firewall/firewall-script.ts'
import { type FirewallFormat, makeFirewallPlan } from '../../src/control/golive/firewall/plan.ts'
import { temporaryFolder } from '../harness/config.ts'
import { waitFor, within } from '../harness/deadline.ts'
import { ForeignNetwork, NEAR } from '../harness/foreign-network.ts'
import { FirewallRun } from '../harness/firewall-run.ts'
import { missingTool } from '../harness/real-peer.ts'
import { Knocks, portOf } from './knocks.ts'

const NODE = '10.99.0.2'
const NODE_6 = 'fd99:0:0:1::2'
const OFFICE = '10.99.2.2'
const ADMIN = '10.99.3.2'
const STRANGER = '10.99.1.2'
const STRANGER_6 = 'fd99:0:0:2::2'
const EVERYBODY = [NODE, NODE_6, OFFICE, ADMIN, STRANGER, STRANGER_6]

const FOLDER = temporaryFolder()
const network = await ForeignNetwork.open()
const foreign = network as ForeignNetwork
const skip = typeof network === 'string' ? network : missingTool('nft', 'iptables', 'ip6tables', 'ipset')
if (skip === false) for (const address of EVERYBODY) await foreign.addAddress(address)

interface Variant {
  readonly name: string
  readonly format: FirewallFormat
  /** A folder with programs that come before those of the machine. */
  readonly programs?: string
}

/** Each of `names` is the program that stands for it. */
function programs(names: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(FOLDER, 'programs-'))
  for (const [name, program] of Object.entries(names)) symlinkSync(program, join(folder, name))
  return folder
}

const LEGACY = '/usr/sbin/xtables-legacy-multi'
const VARIANTS: readonly Variant[] = [
  { name: 'nftables', format: 'nftables' },
  { name: 'iptables', format: 'iptables' },
  { name: 'ipset', format: 'ipset' },
  ...(existsSync(LEGACY)
    ? (['iptables', 'ipset'] as const).map((format) => ({
        name: `${format} with the kernel's old interface`,
        format,
        programs: programs({
          iptables: LEGACY,
          ip6tables: LEGACY,
          'iptables-restore': LEGACY,
          'ip6tables-restore': LEGACY,
        }),
      }))
    : []),
]

/** Everything that any firewall program knows of, without counters. */
function wholeRuleset(): string {
  const run = (program: string, ...args: string[]): string =>
    execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe' })
  // Tables that iptables makes for itself when it looks stay, empty: only what is in them counts.
  const tables = ['iptables', 'ip6tables', 'iptables-legacy', 'ip6tables-legacy'].map((program) =>
    run(program, '-t', 'mangle', '-S'),
  )
  const own = run('nft', 'list', 'tables')
    .split('\n')
    .filter((line) => line.includes('tidegate'))
    .map((line) => run('nft', '-s', ...`list ${line}`.trim().split(' ')))
  return [...own, ...tables, run('ipset', 'list', '-n')].join('\n')
}

describe('firewall scripts on the machine of an upstream', { skip }, () => {
  let service: Server
  let ssh: Server
  let other: Server
  let untouched: string
  let script: FirewallRun
  const knocks = new Knocks(foreign)

  function textOf(format: FirewallFormat, wishes: { trusted?: string[]; rollbackAfterS?: number } = {}): string {
    const { rollbackAfterS = 600, trusted = ['10.99.2.0/24'] } = wishes
    const plan = makeFirewallPlan({
      format,
      ports: [`${portOf(service)}`, '61000-61002'],
      nodes: [NODE, NODE_6],
      trusted,
      admins: [ADMIN],
      adminPorts: [`${portOf(ssh)}`],
    })
    return firewallScript({ ...plan, rollbackAfterS })
  }

  const getsIn = (from: string, server = service) => knocks.getsIn(from, server)
  const staysOut = (from: string, server = service) =>
    knocks.staysOut(from, server, server === ssh ? ADMIN : NODE, other)

  before(async () => {
    service = await knocks.listen()
    ssh = await knocks.listen()
    other = await knocks.listen()
    untouched = wholeRuleset()
  })

  afterEach(() => {
    knocks.end()
    script.run('uninstall')
    for (const program of ['iptables', 'ip6tables', 'iptables-legacy', 'ip6tables-legacy'])
      for (const table of ['filter', 'mangle']) execFileSync(program, ['-t', table, '-F'])
  })

  after(() => {
    knocks.close()
    foreign.close()
  })

  for (const { name, format, programs } of VARIANTS) {
    describe(name, () => {
      test('nodes, offices and admins get in, others do not, and what is open lives on', async () => {
        const old = knocks.knock(STRANGER, service)
        await waitFor('the old stream', () => old.state() === 'connected')
        // Rules that accept everything, before any that are appended.
        for (const program of ['iptables', 'ip6tables', 'iptables-legacy'])
          execFileSync(program, ['-I', 'INPUT', '-j', 'ACCEPT'])
        script = new FirewallRun(FOLDER, textOf(format), { path: programs })
        script.do('apply')
        for (const state of ['in trial', 'confirmed']) {
          for (const address of [NODE, NODE_6, OFFICE, ADMIN]) await getsIn(address)
          await staysOut(STRANGER)
          await staysOut(STRANGER_6)
          await getsIn(ADMIN, ssh)
          await staysOut(STRANGER, ssh)
          await staysOut(NODE, ssh)
          knocks.heard = ''
          old.say(`still here, ${state}`)
          await waitFor('the old stream', () => knocks.heard === `still here, ${state}`)
          await fromLoopback(portOf(service))
          await getsByUdp(STRANGER)
          if (state === 'in trial') script.do('confirm')
        }
        assert.match(script.do('status'), /^Confirmed\./)
      })

      test('twice is once, and uninstall leaves nothing', () => {
        script = new FirewallRun(FOLDER, textOf(format), { path: programs })
        script.do('apply')
        script.do('confirm')
        const once = wholeRuleset()
        script.do('apply')
        assert.match(script.do('status'), /^In trial, for another \d+ s\./)
        script.do('apply')
        script.do('confirm')
        assert.match(script.do('confirm'), /confirmed before/)
        assert.equal(wholeRuleset(), once)
        assert.notEqual(once, untouched)
        script.do('uninstall')
        assert.equal(wholeRuleset(), untouched)
        assert.ok(!existsSync(script.state))
        assert.deepEqual(readdirSync(script.units, { recursive: true }), ['multi-user.target.wants'])
        script.do('uninstall')
      })

      test('it is taken back after its time, unless confirmed', async () => {
        script = new FirewallRun(FOLDER, textOf(format, { rollbackAfterS: 1 }), { path: programs })
        script.do('apply')
        await waitFor('the rollback', () => !existsSync(join(script.state, 'trial')))
        assert.equal(wholeRuleset(), untouched)
        await getsIn(STRANGER)
        const late = script.run('confirm')
        assert.equal(late.code, 1)
        assert.match(late.output, /Was it rolled back/)
        assert.equal(script.run('status').code, 1)
      })

      test('the rollback goes back to what was confirmed', async () => {
        script = new FirewallRun(FOLDER, textOf(format), { path: programs })
        script.do('apply')
        script.do('confirm')
        const confirmed = wholeRuleset()
        const second = new FirewallRun(FOLDER, textOf(format, { trusted: ['10.99.1.0/24'] }), {
          path: programs,
          like: script,
        })
        second.do('apply')
        await getsIn(STRANGER)
        assert.match(script.run('confirm').output, /Another script than this one is in trial/)
        second.do('rollback')
        assert.equal(wholeRuleset(), confirmed)
        await staysOut(STRANGER)
        assert.equal(second.run('rollback').code, 1)
        // A restart of the machine: no rules, and a trial that nobody can confirm any more.
        second.do('apply')
        second.do('remove')
        assert.equal(second.run('status').code, 1)
        script.boot()
        assert.equal(wholeRuleset(), confirmed)
        assert.match(script.do('status'), /^Confirmed\./)
      })

      test('what cannot be set changes nothing', async () => {
        script = new FirewallRun(FOLDER, textOf(format), { path: programs })
        const broken = mkdtempSync(join(FOLDER, 'broken-'))
        for (const program of ['nft', 'ip6tables-restore']) {
          const real = execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim()
          const text = `#!/bin/sh\ncase "$*" in *-f*|*noflush*) exit 1;; esac\nexec ${real} "$@"\n`
          writeFileSync(join(broken, program), text)
          chmodSync(join(broken, program), 0o755)
        }
        const failing = new FirewallRun(FOLDER, textOf(format), {
          path: programs === undefined ? broken : `${broken}:${programs}`,
          like: script,
        })
        const { code, output } = failing.run('apply')
        assert.equal(code, 1)
        assert.match(output, /could not be set; what held before holds again/)
        assert.equal(wholeRuleset(), untouched)
        await getsIn(STRANGER)
      })

      test('the dry run shows the rules and changes nothing', () => {
        script = new FirewallRun(FOLDER, textOf(format), { path: programs })
        const output = script.do('--dry-run')
        assert.match(output, /Checked; nothing was changed/)
        assert.ok(output.includes(NODE))
        assert.equal(wholeRuleset(), untouched)
        assert.ok(!existsSync(script.state))
        assert.equal(script.run('nonsense').code, 1)
        assert.equal(script.run().code, 1)
      })
    })
  }

  for (const format of ['nftables', 'iptables'] as const) {
    test(`${format}: a port that leads to another one, as Docker publishes them, is closed as well`, async () => {
      const redirect = [
        'PREROUTING',
        '-p',
        'tcp',
        '--dport',
        '61001',
        '-j',
        'REDIRECT',
        '--to-port',
        `${portOf(other)}`,
      ]
      execFileSync('iptables', ['-t', 'nat', '-A', ...redirect])
      try {
        script = new FirewallRun(FOLDER, textOf(format))
        script.do('apply')
        const [stranger, node] = [STRANGER, NODE].map((from) => knocks.knock(from, 61_001))
        await waitFor('the node to get in', () => node.state() === 'connected')
        assert.equal(stranger.state(), 'trying')
        await getsIn(STRANGER, other)
      } finally {
        execFileSync('iptables', ['-t', 'nat', '-D', ...redirect])
      }
    })
  }

  test('another format takes the place of the one before', async () => {
    script = new FirewallRun(FOLDER, textOf('nftables'))
    script.do('apply')
    script.do('confirm')
    const nftables = wholeRuleset()
    const second = new FirewallRun(FOLDER, textOf('ipset'), { like: script })
    second.do('apply')
    assert.ok(!wholeRuleset().includes('table inet tidegate_upstream'))
    await staysOut(STRANGER)
    second.do('rollback')
    assert.equal(wholeRuleset(), nftables)
    second.do('apply')
    second.do('confirm')
    second.do('uninstall')
    assert.equal(wholeRuleset(), untouched)
  })

  test('rules that somebody else removed are missed by status', () => {
    script = new FirewallRun(FOLDER, textOf('nftables'))
    script.do('apply')
    script.do('confirm')
    execFileSync('nft', ['flush', 'chain', 'inet', 'tidegate_upstream', 'arriving'])
    const { code, output } = script.run('status')
    assert.equal(code, 1)
    assert.match(output, /not in place as they were set/)
  })

  /** A datagram to the number of a port that is closed for TCP. */
  async function getsByUdp(from: string): Promise<void> {
    const socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(portOf(service), NEAR.ipv4, resolve))
    const arrived = once(socket, 'message')
    await foreign.sendDatagram(from, NEAR.ipv4, portOf(service), 'hello')
    await within('the datagram', arrived)
    socket.close()
  }

  async function fromLoopback(port: number): Promise<void> {
    const socket = connect({ host: '127.0.0.1', port })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    socket.destroy()
  }
})
