/**
 * What brings an overload about, each cause for real through the running daemon (docs/overload.md has the table): no
 * files, a slow kernel, full queues, places, memory and buffers. Once up to the last level and back again.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { temporaryFolder, type TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { enterOwnNetwork, setSysctl } from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'
import { threadNamed, whyNoStrace, withFaultIn } from '../harness/strace.ts'
import { tidegate } from '../harness/tidegate.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const ALLOWED = '127.0.0.9'
const KNOWN = '127.0.0.2'
const STRANGER = '127.0.0.3'
const OFF = { rule: 'off' }
const WANTED = 'tidegate_overload_wanted_level'
const COME_AGAIN_MS = 10
const TRIES_MAX = 3
/** Up takes a second a level, down five: patience for both, on a machine that has much else to do. */
const LEVELS_MS_MAX = 90_000

const noNetwork = enterOwnNetwork()
if (noNetwork === undefined) {
  // Clients that may wait to be accepted: few enough to be filled, enough for upstreams to take a crowd.
  setSysctl('net.core.somaxconn', '64')
}

const NETWORK_SETTINGS = '/proc/sys/net/ipv4'

/** The kernel's settings as they are, in files of our own; a network of one's own has no `tcp_mem`. */
function copyOfNetworkSettings(): string {
  const folder = temporaryFolder()
  for (const entry of readdirSync(NETWORK_SETTINGS, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    try {
      copyFileSync(join(NETWORK_SETTINGS, entry.name), join(folder, entry.name))
    } catch {
      // Some may only be written.
    }
  }
  return folder
}

/** A command that finds something else in place of the kernel's; nobody but who it starts does. */
function mounting(from: string, over: string): string[] {
  const script = `mount --bind ${from} ${over} && exec "$0" "$@"`
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script]
}

/** Where the kernel keeps what this container may use, as libuv finds it. */
function containerLimitFile(): string | undefined {
  const lines = readFileSync('/proc/self/cgroup', 'utf8').split('\n')
  const pathOf = (controllers: string): string | undefined =>
    lines.map((line) => line.split(':')).find(([, names]) => names?.split(',').includes(controllers))?.[2]
  const files = [
    `/sys/fs/cgroup/memory${pathOf('memory')}/memory.limit_in_bytes`,
    `/sys/fs/cgroup${pathOf('')}/memory.max`,
  ]
  return files.find((file) => existsSync(file))
}

function whyNoMounts(): string | false {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'pipe' })
    return false
  } catch (error) {
    return `no mounts of our own: ${(error as Error).message}`
  }
}

const noMounts = whyNoMounts()
const noContainerLimit = (): string | false => containerLimitFile() === undefined && 'no container with a limit'

let lastTurn: Promise<unknown> = Promise.resolve()

/** To start takes a core for a second: tests wait at the same time, and start one after the other. */
function inTurn<T>(start: () => Promise<T>): Promise<T> {
  const turn = lastTurn.then(start)
  lastTurn = turn.catch(() => {})
  return turn
}

forBothEnginesAtOnce((engine) => {
  interface Start {
    readonly maxConnections?: number
    readonly workers?: number
    readonly service?: Partial<TestService>
    readonly prefix?: readonly string[]
  }

  /** `t` ends all of it: tests here run at the same time. */
  async function start(
    t: TestContext,
    { maxConnections = 500, workers = 2, service, prefix = [] }: Start = {},
  ): Promise<Daemon> {
    const upstream = await Upstream.listen({ onConnection: echo })
    t.after(() => upstream.close())
    const protect = { perAddress: OFF, perPrefix: OFF, attack: { mode: 'off' } }
    const options = {
      engine,
      prefix,
      traffic: { maxConnections, workers },
      protect: { allow: [ALLOWED], overload: { idleAtLeast: '1s' }, firewall: { mode: 'off' } },
      services: [{ upstreams: [upstream.address.text], protect, ...service }],
    }
    const daemon = await inTurn(() => Daemon.start(options))
    t.after(() => daemon.stop())
    return daemon
  }

  async function connectFrom(t: TestContext, daemon: Daemon, localAddress: string): Promise<Peer> {
    const client = await Peer.connect(daemon.addressOf(), { localAddress })
    t.after(() => client.destroy())
    return client
  }

  async function isServed(t: TestContext, daemon: Daemon, localAddress: string): Promise<boolean> {
    const client = await connectFrom(t, daemon, localAddress)
    client.socket.on('error', () => {})
    client.socket.end('hello')
    return (await client.receiveAll()).bytes.toString() === 'hello'
  }

  /** Sends and gets back what makes a client known. */
  async function makeKnown(t: TestContext, daemon: Daemon, localAddress: string): Promise<void> {
    await waitFor('the client to be known', async () => {
      const client = await connectFrom(t, daemon, localAddress)
      client.socket.end('x'.repeat(2048))
      assert.equal((await client.receiveAll()).bytes.length, 2048)
      await daemon.waitForMetric('tidegate_connections_open', {}, 0)
      return (await daemon.metrics()).sum('tidegate_known_clients') === 1
    })
  }

  /** Moves a byte ten times a second, whatever happens around it. `leave` says whether all of them came back. */
  async function talker(t: TestContext, daemon: Daemon): Promise<{ readonly leave: () => Promise<void> }> {
    const client = await connectFrom(t, daemon, STRANGER)
    let isOver = false
    const talk = async (): Promise<void> => {
      for (let said = 1; !isOver; said++) {
        await client.write('.')
        await client.receive(said)
        await sleep(100)
      }
    }
    const talking = talk()
    talking.catch(() => {})
    t.after(() => (isOver = true))
    const leave = async (): Promise<void> => {
      isOver = true
      await talking
    }
    return { leave }
  }

  /** So many strangers at the door at any time: who is sent away comes again. Nobody waits for them. */
  function siege(t: TestContext, daemon: Daemon, clients: number): { readonly stop: () => void } {
    const { host, port } = daemon.addressOf()
    const besiegers = new Set<Socket>()
    let isOver = false
    const come = (): void => {
      if (isOver) return
      const socket = connect({ host, port, localAddress: STRANGER })
      besiegers.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        besiegers.delete(socket)
        setTimeout(come, COME_AGAIN_MS)
      })
    }
    for (let i = 0; i < clients; i++) come()
    const stop = (): void => {
      isOver = true
      for (const socket of besiegers) socket.destroy()
    }
    t.after(stop)
    return { stop }
  }

  function levelsOf(daemon: Daemon, event: 'overload' | 'overload-eased'): unknown[] {
    return daemon.lines.filter((line) => line.event === event).map(({ level }) => level)
  }

  /** The values that brought a level about, the latest last. */
  function valuesOf(daemon: Daemon, cause: string): number[] {
    const lines = daemon.lines.filter(({ event }) => event === 'overload')
    return lines.map(({ why }) => (why as Record<string, number>)[cause]).filter((value) => value !== undefined)
  }

  function setFileLimit(daemon: Daemon, files: number): void {
    execFileSync('prlimit', ['--pid', String(daemon.pid), `--nofile=${files}:20000`])
  }

  /** Somebody else has the files: clients find none until the last level is reached. Then there are some again. */
  async function runOutOfFiles(t: TestContext, daemon: Daemon): Promise<void> {
    setFileLimit(daemon, daemon.openFiles().length)
    const { stop } = siege(t, daemon, 200)
    try {
      const isThere = (): boolean => levelsOf(daemon, 'overload').at(-1) === 4 && !hasEased(daemon)
      await waitFor('the last level', isThere, LEVELS_MS_MAX)
    } finally {
      stop()
      setFileLimit(daemon, 20_000)
    }
  }

  /** Since it was at its highest. */
  function hasEased(daemon: Daemon): boolean {
    const last = daemon.lines.findLast(({ event }) => event === 'overload' || event === 'overload-eased')
    return last?.event === 'overload-eased'
  }

  /** The last level holds for five seconds after its cause is gone: enough for a look, unless this machine stands still. */
  async function atTheLastLevel(t: TestContext, daemon: Daemon, look: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries++) {
      await runOutOfFiles(t, daemon)
      try {
        await look()
        return
      } catch (error) {
        if (tries === TRIES_MAX || !hasEased(daemon)) throw error
      }
    }
  }

  async function refused(daemon: Daemon): Promise<number> {
    return (await daemon.metrics()).sum('tidegate_refused_total', { reason: 'refused-overload' })
  }

  describe('causes of an overload', { concurrency: 2 }, () => {
    it('files: up to the last level, where strangers stay outside and friends do not', async (t) => {
      const daemon = await start(t, { service: { idleTimeout: '40s' } })
      await makeKnown(t, daemon, KNOWN)
      const idle = await connectFrom(t, daemon, STRANGER)
      const patient = await talker(t, daemon)
      await daemon.waitForMetric('tidegate_connections_open', {}, 2)
      await atTheLastLevel(t, daemon, async () => {
        // For a moment more, workers take nobody: the node engine sends them away, friends too.
        await waitFor('friends inside and strangers outside', async () => {
          const before = await refused(daemon)
          const looks = [STRANGER, '127.0.0.4', KNOWN, ALLOWED].map((from) => isServed(t, daemon, from))
          const isAsItShould = isDeepStrictEqual(await Promise.all(looks), [false, false, true, true])
          return isAsItShould && (await refused(daemon)) >= before + 2
        })
        assert.equal((await daemon.metrics()).sum('tidegate_overload_level'), 4)
        const { overload } = JSON.parse((await daemon.get('/status.json')).body) as Record<string, { level: number }>
        assert.equal(overload.level, 4)
        const texts = await Promise.all([tidegate(daemon, 'status'), tidegate(daemon, 'shield', 'show')])
        // A command takes its time to start: the next level down may be there by then.
        for (const { stdout } of texts) assert.match(stdout, /overload +level [34] of 4, .*; 1 known client$/m)
      })
      assert.deepEqual(levelsOf(daemon, 'overload').slice(0, 4), [1, 2, 3, 4])
      assert.ok(valuesOf(daemon, 'files').length > 0)
      // Clients could not be taken off the queue meanwhile: whichever of both is the worse has the say.
      if (engine === 'linux' && noNetwork === undefined) assert.ok(Math.max(...valuesOf(daemon, 'acceptQueue')) > 0.9)
      assert.equal((await idle.receiveAll()).ending, 'reset')
      assert.equal((await daemon.lineOf(idle)).reason, 'overload-idle')
      await waitFor('the first level down', () => hasEased(daemon), LEVELS_MS_MAX)
      await waitFor('strangers inside', () => isServed(t, daemon, STRANGER))
      await patient.leave()
    })

    it('lag: a kernel that takes its time', { skip: whyNoStrace(engine) }, async (t) => {
      const daemon = await start(t, { workers: 1 })
      const patient = await talker(t, daemon)
      // Each call is long enough for the last level by itself.
      const slow = 'accept4:delay_enter=2500000:when=1..2'
      await withFaultIn(threadNamed(daemon.pid, 'tidegate-0'), slow, async () => {
        siege(t, daemon, 20)
        await daemon.waitForMetric(WANTED, { cause: 'lag' }, 4)
      })
      await waitFor('a level for it', () => Math.max(...valuesOf(daemon, 'lag')) >= 2000)
      await patient.leave()
    })

    it("memory: the kernel's for TCP, up and all the way back by itself", { skip: noMounts }, async (t) => {
      const settings = copyOfNetworkSettings()
      const limit = join(settings, 'tcp_mem')
      // Two pages, of which an upstream's unread bytes take more.
      writeFileSync(limit, '1 1 2\n')
      const daemon = await start(t, { prefix: mounting(settings, NETWORK_SETTINGS) })
      const hoarder = await connectFrom(t, daemon, STRANGER)
      hoarder.pause()
      hoarder.socket.write(Buffer.alloc(1_000_000))
      await waitFor('the second level', () => levelsOf(daemon, 'overload').at(-1) === 2, LEVELS_MS_MAX)
      assert.ok(valuesOf(daemon, 'memory').every((share) => share >= 0.97))
      assert.equal(await isServed(t, daemon, ALLOWED), true)
      writeFileSync(limit, '1 1 100000000\n')
      await waitFor('calm', () => levelsOf(daemon, 'overload-eased').at(-1) === 0, LEVELS_MS_MAX)
      await daemon.waitForMetric('tidegate_overload_level', {}, 0)
    })

    it('memory: our own, of what our container may use', { skip: noMounts || noContainerLimit() }, async (t) => {
      const limit = join(temporaryFolder(), 'limit')
      const roomy = await start(t)
      // Less than a daemon takes that has just started. Nobody counts but ourselves: this is a file, no limit.
      writeFileSync(limit, `${Math.round(roomy.residentBytes() * 0.9)}\n`)
      const daemon = await start(t, { prefix: mounting(limit, containerLimitFile()!) })
      await waitFor('a level for it', () => valuesOf(daemon, 'memory').length > 0)
      await waitFor('all it asks for', async () => (await daemon.metrics()).sum(WANTED, { cause: 'memory' }) > 0)
      assert.equal(await isServed(t, daemon, ALLOWED), true)
      assert.deepEqual(valuesOf(roomy, 'memory'), [])
    })

    it('connections: full of strangers is the third level, and no more', async (t) => {
      const daemon = await start(t, { maxConnections: 40, service: { idleTimeout: 'off' } })
      siege(t, daemon, 40)
      await waitFor('the third level', () => levelsOf(daemon, 'overload').at(-1) === 3, LEVELS_MS_MAX)
      const metrics = await daemon.metrics()
      assert.equal(metrics.sum(WANTED, { cause: 'connections' }), 3)
      assert.deepEqual([metrics.sum('tidegate_connections_open'), metrics.sum(WANTED)], [38, 3])
      assert.equal(await isServed(t, daemon, ALLOWED), true)
    })
  })
})
