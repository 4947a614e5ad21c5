/** The same for firewalls that keep rules of their own: the real ufw, and the real firewalld on a bus of its own. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { firewallScript } from '../../src/control/golive/firewall/firewall-script.ts'
import { makeFirewallPlan } from '../../src/control/golive/firewall/plan.ts'
import { temporaryFolder } from '../harness/config.ts'
import { waitFor } from '../harness/deadline.ts'
import { FirewallRun, type FirewallRunOptions } from '../harness/firewall-run.ts'
import { ForeignNetwork } from '../harness/foreign-network.ts'
import { missingTool } from '../harness/real-peer.ts'
import { Knocks, portOf } from './knocks.ts'

const NODE = '10.99.0.2'
const NODE_6 = 'fd99:0:0:1::2'
const STRANGER = '10.99.1.2'
const STRANGER_6 = 'fd99:0:0:2::2'
/** These tools are slow: a command of firewalld takes a second and more on a busy machine. */
const DEADLINE_MS = 60_000

const FOLDER = temporaryFolder()
const network = await ForeignNetwork.open()
const foreign = network as ForeignNetwork
const skip = typeof network === 'string' ? network : false
if (skip === false) for (const address of [NODE, NODE_6, STRANGER, STRANGER_6]) await foreign.addAddress(address)

interface Manager {
  readonly format: 'ufw' | 'firewalld'
  readonly skip: string | false
  /** Programs and the environment in which they know this machine's firewall. */
  readonly options: FirewallRunOptions
  readonly start: () => Promise<void>
  readonly stop: () => void
  /** Lets everybody to a port, as somebody may have done before us. */
  readonly open: (port: number) => void
  /** All that it keeps. */
  readonly rules: () => string
}

/** Its settings are below /etc: a copy of them is mounted there, for what is run by `prefix` only. */
function ufw(): Manager {
  const settings = join(FOLDER, 'ufw')
  const prefix = ['unshare', '--mount', 'sh', '-c', `mount --bind ${settings} /etc/ufw && exec "$@"`, 'sh']
  const run = (...args: string[]): string => execFileSync(prefix[0], [...prefix.slice(1), 'ufw', ...args]).toString()
  return {
    format: 'ufw',
    skip: missingTool('ufw', 'unshare'),
    options: { prefix },
    start: async () => {
      cpSync('/etc/ufw', settings, { recursive: true })
      run('--force', 'enable')
    },
    stop: () => run('--force', 'disable'),
    open: (port) => run('allow', `${port}/tcp`),
    rules: () => run('status', 'verbose') + run('show', 'added'),
  }
}

function firewalld(): Manager {
  const folder = join(FOLDER, 'firewalld')
  const env = { DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${folder}/bus` }
  const children: ChildProcess[] = []
  const start = (program: string, ...args: string[]): void => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'ignore' })
    child.on('error', () => {})
    children.push(child)
  }
  const run = (...args: string[]): string =>
    execFileSync('firewall-cmd', args, { env: { ...process.env, ...env }, stdio: 'pipe' }).toString()
  return {
    format: 'firewalld',
    skip: missingTool('firewalld', 'firewall-cmd', 'dbus-daemon'),
    options: { env },
    start: async () => {
      mkdirSync(join(folder, 'settings'), { recursive: true })
      writeFileSync(join(folder, 'settings', 'firewalld.conf'), '')
      writeFileSync(join(folder, 'bus.conf'), BUS.replace('@PATH@', `${folder}/bus`))
      start('dbus-daemon', `--config-file=${folder}/bus.conf`, '--nofork', '--nopidfile')
      await waitFor('the bus', () => existsSync(`${folder}/bus`))
      start('firewalld', '--nofork', '--nopid', '--system-config', join(folder, 'settings'), '--log-target', 'console')
      const isRunning = (): boolean => {
        try {
          return run('--state').startsWith('running')
        } catch {
          return false
        }
      }
      await waitFor('firewalld', isRunning, DEADLINE_MS)
    },
    stop: () => {
      for (const child of children) child.kill('SIGKILL')
      execFileSync('nft', ['flush', 'ruleset'])
    },
    open: (port) => {
      run('-q', '--permanent', `--add-port=${port}/tcp`)
      run('-q', '--reload')
    },
    rules: () =>
      [[], ['--permanent']].map((where) => run(...where, '--list-all-policies') + run(...where, '--list-all')).join(''),
  }
}

/** Everybody may say everything; the machine's own bus is not touched. */
const BUS = `<busconfig>
  <type>system</type>
  <listen>unix:path=@PATH@</listen>
  <policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_type="*"/></policy>
</busconfig>`

for (const manager of [ufw(), firewalld()]) {
  describe(`the ${manager.format} script`, { skip: skip === false ? manager.skip : skip }, () => {
    let service: Server
    let other: Server
    let untouched: string
    let script: FirewallRun
    const knocks = new Knocks(foreign)

    function make(nodes: readonly string[], rollbackAfterS = 600, like?: FirewallRun): FirewallRun {
      const plan = makeFirewallPlan({ format: manager.format, ports: [`${portOf(service)}`], nodes })
      const text = firewallScript({ ...plan, rollbackAfterS })
      return new FirewallRun(FOLDER, text, { ...manager.options, ...(like === undefined ? {} : { like }) })
    }

    const getsIn = (from: string) => knocks.getsIn(from, service)
    const staysOut = (from: string) => knocks.staysOut(from, service, NODE, other)

    before(async () => {
      service = await knocks.listen()
      other = await knocks.listen()
      await manager.start()
      manager.open(portOf(service))
      manager.open(portOf(other))
      untouched = manager.rules()
    })

    afterEach(() => {
      knocks.end()
      script.run('uninstall')
    })

    after(() => {
      knocks.close()
      manager.stop()
    })

    test('nodes get in, others do not, what is open lives on, twice is once, and uninstall leaves nothing', async () => {
      const old = knocks.knock(STRANGER, service)
      await waitFor('the old stream', () => old.state() === 'connected')
      script = make([NODE, NODE_6])
      assert.match(script.do('dry-run'), /Checked; nothing was changed/)
      script.do('apply')
      for (const state of ['in trial', 'confirmed']) {
        await getsIn(NODE)
        await getsIn(NODE_6)
        await staysOut(STRANGER)
        await staysOut(STRANGER_6)
        knocks.heard = ''
        old.say(`still here, ${state}`)
        await waitFor('the old stream', () => knocks.heard === `still here, ${state}`)
        await fromLoopback(portOf(service))
        if (state === 'in trial') script.do('confirm')
      }
      assert.match(script.do('status'), /^Confirmed\./)
      const once = script.do('dump')
      script.do('apply')
      script.do('confirm')
      assert.equal(script.do('dump'), once)
      script.do('uninstall')
      assert.equal(manager.rules(), untouched)
      assert.ok(!existsSync(script.state))
    })

    test('it is taken back after its time, to what was confirmed', async () => {
      script = make([NODE])
      script.do('apply')
      script.do('confirm')
      const confirmed = manager.rules()
      const second = make([NODE, STRANGER], 1, script)
      second.do('apply')
      await waitFor('the rollback', () => !existsSync(join(script.state, 'trial')), DEADLINE_MS)
      assert.equal(manager.rules(), confirmed)
      await staysOut(STRANGER)
      assert.match(script.do('status'), /^Confirmed\./)
    })

    test('a trial does not outlive a restart of the machine', async () => {
      script = make([NODE])
      script.do('apply')
      script.boot()
      assert.equal(manager.rules(), untouched)
      await getsIn(STRANGER)
    })

    async function fromLoopback(port: number): Promise<void> {
      const socket = connect({ host: '127.0.0.1', port })
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
      socket.destroy()
    }
  })
}

after(() => {
  if (typeof network !== 'string') foreign.close()
})
