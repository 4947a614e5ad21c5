/**
 * Changes under load: `npm run soak -- --part changes --engine linux`. 100 reloads that add, move and remove other
 * services and change keys of the one that is used, and 10 upgrades between them, while 500 long streams go on and
 * 2,200 clients a second come new. Not one of them may notice.
 *
 * The 500 streams are open from before the first change until after the last. An upgrade leaves them in the process that
 * accepted them, without a limit of time (`upgradeDrainTimeout: off`, the default), so that one serves them to the end;
 * after each upgrade 20 more are opened, so that all the processes between have some to keep alive too.
 */
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ThroughChangesReport } from '../../bench/load/through-changes.ts'
import { startEcho } from '../../bench/run/lab.ts'
import { freePort } from '../../bench/run/ports.ts'
import { killAllOnExit } from '../../bench/run/processes.ts'
import { Clients } from '../../bench/run/through-changes.ts'
import { temporaryFolder, writeConfig, type TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import type { EngineName } from '../harness/engines.ts'

export interface ChangesSoak {
  readonly engine: EngineName
  readonly reloads: number
  readonly upgrades: number
  /** For all reloads; an upgrade takes as long as it takes. */
  readonly seconds: number
  readonly streams: number
  readonly connectsPerSecond: number
}

const STREAMS_MORE = 20
const ENDINGS_DEADLINE_MS = 60_000
const UPGRADE_DEADLINE_MS = 60_000

/** Throws when a change, a connection or a stream failed, a process stays, or files stay open. */
export async function soakChanges(soak: ChangesSoak): Promise<string> {
  killAllOnExit()
  const dir = temporaryFolder()
  const upstreamPort = await startEcho(dir, undefined)
  const node = await ChangingNode.start(soak.engine, `127.0.0.1:${upstreamPort}`)
  const files = node.openFiles()
  const clients = new Clients({ port: node.port, connectionsPerSecond: soak.connectsPerSecond }, { dir })
  try {
    await clients.openStreams(soak.streams)
    clients.come()
    await makeChanges(soak, node, clients)
    const seen = await clients.leave()
    const text = resultText(soak, node, seen)
    if (seen.brokenStreams > 0 || seen.failedConnections > 0) throw new Error(text)
    await waitFor('the processes before to end', () => node.processes() === 1, ENDINGS_DEADLINE_MS)
    await waitFor('all files to be closed again', () => node.openFiles() <= files, ENDINGS_DEADLINE_MS)
    await node.stop()
    return text
  } finally {
    await clients.stop()
    node.kill()
  }
}

/** The upgrades are spread over the reloads; the last change is one of them. */
async function makeChanges(soak: ChangesSoak, node: ChangingNode, clients: Clients): Promise<void> {
  const { reloads, upgrades, seconds } = soak
  let upgraded = 0
  for (let round = 1; round <= reloads; round++) {
    const startedMs = performance.now()
    await node.reload(round === reloads ? 0 : round)
    await sleep(Math.max(0, (seconds * 1000) / reloads - (performance.now() - startedMs)))
    for (; upgraded < Math.floor((round * upgrades) / reloads); upgraded++) {
      await node.upgrade()
      await clients.openStreams(STREAMS_MORE)
    }
  }
}

/** A daemon and the versions that followed it. */
class ChangingNode {
  readonly #daemon: Daemon
  readonly #pids: number[]
  readonly #engine: EngineName
  readonly #upstream: string
  readonly #moving: string
  slowestReloadMs = 0
  slowestUpgradeMs = 0
  processesMost = 1

  private constructor(daemon: Daemon, engine: EngineName, upstream: string, moving: string) {
    this.#daemon = daemon
    this.#pids = [daemon.pid]
    this.#engine = engine
    this.#upstream = upstream
    this.#moving = moving
  }

  static async start(engine: EngineName, upstream: string): Promise<ChangingNode> {
    // Outside the range of client ports: one of a hundred thousand clients would have it when it is to be opened.
    const moving = `127.0.0.1:${await freePort()}`
    const services = servicesOf(0, upstream, moving)
    const daemon = await Daemon.start({ engine, log: { connections: 'none' }, services })
    const node = new ChangingNode(daemon, engine, upstream, moving)
    // The harness knows the first process only.
    process.once('exit', () => node.kill())
    return node
  }

  get port(): number {
    return this.#daemon.addressOf().port
  }

  async reload(round: number): Promise<void> {
    const startedMs = performance.now()
    writeConfig(dirname(this.#daemon.configFile), {
      traffic: { engine: this.#engine },
      log: { connections: 'none' },
      services: servicesOf(round, this.#upstream, this.#moving),
    })
    const { status, body } = await this.#daemon.post('/api/v1/reload')
    if (status !== 200) throw new Error(`reload ${round}: ${body}`)
    this.slowestReloadMs = Math.max(this.slowestReloadMs, performance.now() - startedMs)
  }

  async upgrade(): Promise<void> {
    const startedMs = performance.now()
    const count = this.#pids.length
    process.kill(this.#pids[count - 1], 'SIGUSR2')
    const outcomes = () => this.#daemon.lines.filter(({ event }) => /^upgrade(d|-failed)$/.test(event ?? ''))
    await waitFor('the upgrade', () => outcomes().length === count, UPGRADE_DEADLINE_MS)
    const outcome = outcomes()[count - 1]
    if (outcome.event !== 'upgraded') throw new Error(`upgrade ${count}: ${String(outcome['why'])}`)
    this.#pids.push(outcome['pid'] as number)
    this.slowestUpgradeMs = Math.max(this.slowestUpgradeMs, performance.now() - startedMs)
    this.processesMost = Math.max(this.processesMost, this.processes())
  }

  /** How many of the versions are still there. */
  processes(): number {
    return this.#pids.filter(isRunning).length
  }

  /** Of the newest version. */
  openFiles(): number {
    return readdirSync(`/proc/${this.#pids.at(-1)}/fd`).length
  }

  async stop(): Promise<void> {
    process.kill(this.#pids[this.#pids.length - 1], 'SIGTERM')
    await this.#daemon.exit()
    this.#daemon.assertNoInternalErrors()
  }

  kill(): void {
    for (const pid of this.#pids) if (isRunning(pid)) process.kill(pid, 'SIGKILL')
    this.#daemon.kill()
  }
}

function servicesOf(round: number, upstream: string, moving: string): TestService[] {
  const to = { upstreams: [upstream] }
  const web = { ...to, connectTimeout: `${5 + (round % 3)}s` }
  const others = Array.from({ length: round % 4 }, (_, i) => ({
    ...to,
    name: `other-${i}`,
    listen: i === round % 3 ? ['127.0.0.1:0', moving] : ['127.0.0.1:0', '*:0'],
  }))
  return [web, ...others]
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function resultText(
  { engine, reloads, upgrades }: ChangesSoak,
  node: ChangingNode,
  seen: ThroughChangesReport,
): string {
  const { seconds, connections, failedConnections, streams, brokenStreams, streamBytes } = seen
  const ms = (value: number) => `${value.toFixed(0)} ms`
  return [
    `${engine}: ${reloads} reloads (slowest ${ms(node.slowestReloadMs)}) and ${upgrades} upgrades (slowest ${ms(node.slowestUpgradeMs)}, ${node.processesMost} processes at once) in ${seconds.toFixed(0)} s`,
    `${connections} new connections (${(connections / seconds).toFixed(0)}/s), failed: ${failedConnections}, longest ${ms(seen.longestVisitMs)}`,
    `${streams} streams with ${(streamBytes / 1e6).toFixed(0)} MB, broken: ${brokenStreams}, longest gap ${ms(seen.longestStreamWaitMs)}`,
    ...Object.entries(seen.errors).map(([why, count]) => `${count} × ${why}`),
  ].join('; ')
}
