/**
 * A daemon under attack, with what an attack test asserts: every client served, reasons counted, memory within its
 * bound, all sockets and places back. Attackers, clients and the upstream are processes of their own
 * (bench/load), on sockets of libc: `node:net` would be slower than what it attacks.
 *
 *   127.200.*.*   clients, each in a /24 of its own        127.64.*.* and up   attackers
 */
import assert from 'node:assert/strict'
import { after, afterEach, before } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AttackName } from '../../bench/load/attackers/all-attacks.ts'
import type { RaidPlan } from '../../bench/load/attackers/raid.ts'
import type { SteadyClientsLoad, SteadyClientsReport } from '../../bench/load/steady-clients.ts'
import { Attack, startAnswering, SteadyClients } from '../../bench/run/attacks.ts'
import { killAllOnExit, type Running } from '../../bench/run/processes.ts'
import { temporaryFolder, type TestService } from '../harness/config.ts'
import { Daemon, type DaemonOptions } from '../harness/daemon.ts'
import { DEADLINE_MS, waitFor } from '../harness/deadline.ts'

/** Loopback is on the allow list where nobody says otherwise, and everybody here comes from it. */
const ALLOW_NOBODY = { allow: [] }
/** Few, so that they are no flood themselves. */
const CLIENTS_PER_SECOND = 50
const RESIDENT_EVERY_MS = 50
const ATTACK_SECONDS_MAX = 90
/**
 * Who finds the count of its source locked by a thread that is off its core for 50 ms, as on a busy machine, is let in
 * uncounted (source-table.ts). Each has waited for so long, so that there are few of them, or the table does not count.
 */
const UNTRACKED_MAX = 5
/** A SYN that finds the accept queue full comes again after 1, 3, 7, 15 and 31 s. */
export const FLOOD_WITHIN_MS = 60_000
const MARK_EVERY_MS = 100

export interface SiegeOptions extends Omit<DaemonOptions, 'services'> {
  /** Each gets the upstream that answers. */
  readonly services: readonly Omit<TestService, 'upstreams'>[]
}

/** A minute and a half at most where it does not say. */
export type AttackPlan = Omit<RaidPlan, 'host' | 'port' | 'seconds'> & Partial<Pick<RaidPlan, 'seconds'>>

killAllOnExit()
const dir = temporaryFolder()

export class Siege {
  readonly daemon: Daemon
  readonly #upstream: Running
  readonly #socketsBefore: number
  readonly #residentBefore: number
  readonly #sampling: NodeJS.Timeout
  readonly #clients: SteadyClients[] = []
  readonly #attacks: Attack[] = []
  #residentMost = 0

  private constructor(daemon: Daemon, upstream: Running) {
    this.daemon = daemon
    this.#upstream = upstream
    this.#socketsBefore = daemon.socketCount()
    this.#residentBefore = daemon.residentBytes()
    this.#sampling = setInterval(() => {
      this.#residentMost = Math.max(this.#residentMost, daemon.residentBytes())
    }, RESIDENT_EVERY_MS)
  }

  static async start({ services, protect, log, ...options }: SiegeOptions): Promise<Siege> {
    const { port, running } = await startAnswering({ dir })
    const whole = {
      ...options,
      // Ends of thousands of connections are counted by the metrics.
      log: { connections: 'none', ...log },
      protect: { ...ALLOW_NOBODY, ...protect },
      services: services.map((service) => ({ ...service, upstreams: [`127.0.0.1:${port}`] })),
    }
    try {
      return new Siege(await Daemon.start(whole), running)
    } catch (error) {
      await running.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#sampling)
    await this.#upstream.stop()
    await this.daemon.stop()
  }

  /** Who may not notice. A deadline is no statement about speed: patience is long. */
  clients(service: string, load: Partial<SteadyClientsLoad> = {}): SteadyClients {
    const { host, port } = this.daemon.addressOf(service)
    const sources = { first: '127.200.0.1', count: 50, step: 256 }
    const whole = { host, port, perSecond: CLIENTS_PER_SECOND, sources, patienceMs: DEADLINE_MS, ...load }
    const clients = new SteadyClients(whole, { dir })
    this.#clients.push(clients)
    return clients
  }

  attack(name: AttackName, service: string, plan: AttackPlan): Attack {
    const { host, port } = this.daemon.addressOf(service)
    const attack = new Attack(name, { seconds: ATTACK_SECONDS_MAX, ...plan, host, port }, { dir })
    this.#attacks.push(attack)
    return attack
  }

  async endAttacks(): Promise<void> {
    await Promise.all(this.#attacks.splice(0).map((attack) => attack.stop()))
  }

  /** Attackers and clients go, and nothing is left of them. */
  async raise(): Promise<void> {
    await this.endAttacks()
    await Promise.all(this.#clients.splice(0).map((clients) => clients.stop()))
    await this.assertAllBack()
  }

  async refused(service: string, reason: string): Promise<number> {
    return (await this.daemon.metrics()).sum('tidegate_refused_total', { service, reason })
  }

  /** Who was let in uncounted since the start, for whom a test has to allow; few, or it fails. */
  async untracked(): Promise<number> {
    const untracked = (await this.daemon.metrics()).sum('tidegate_sources_untracked_total')
    assert.ok(untracked <= UNTRACKED_MAX, `${untracked} clients were let in uncounted`)
    return untracked
  }

  /** So many, less those who are `untracked`. */
  async waitForRefused(service: string, reason: string, count: number): Promise<void> {
    const isEnough = async () => {
      const [refused, untracked] = [await this.refused(service, reason), await this.untracked()]
      return refused <= count && refused + untracked >= count
    }
    try {
      await waitFor('those who are refused', isEnough, FLOOD_WITHIN_MS)
    } catch (error) {
      // Where the others went says why.
      const became = (await this.daemon.metrics()).linesOf('tidegate_', { service }).join('\n')
      throw new Error(`${(error as Error).message}, expected ${count} for ${reason}\n${became}`, { cause: error })
    }
  }

  /** The attackers that were refused have met a reset, the others are open; who is `untracked` may be among these. */
  async assertEndings(
    endings: Readonly<Record<string, number>>,
    wanted: { readonly reset: number; readonly open: number },
  ): Promise<void> {
    const untracked = await this.untracked()
    const { reset = 0, open = 0, ...others } = endings
    assert.deepEqual([reset + open, others], [wanted.reset + wanted.open, {}])
    assert.ok(reset <= wanted.reset && reset >= wanted.reset - untracked, `${reset} reset, ${untracked} untracked`)
  }

  async waitForClosed(service: string, reason: string, count: number): Promise<void> {
    await this.daemon.waitForMetric('tidegate_connections_closed_total', { service, reason }, count)
  }

  /** Nothing is left of an attack: no connection, no place of a source, no socket. */
  async assertAllBack(): Promise<void> {
    await this.daemon.waitForMetric('tidegate_connections_open', {}, 0)
    await this.daemon.waitForMetric('tidegate_sources_tracked', {}, 0)
    await this.daemon.waitForSocketCount(this.#socketsBefore)
  }

  /** At any moment since the start. */
  assertMemoryWithin(bytes: number): void {
    const grown = this.#residentMost - this.#residentBefore
    assert.ok(grown <= bytes, `the daemon grew by ${grown} bytes`)
  }
}

/** One siege for all tests of a `describe`, to be asked for in each: after each of them it is raised. */
export function siegeForTests(options: SiegeOptions, growthBytesMax: number): () => Siege {
  let siege: Siege
  before(async () => {
    siege = await Siege.start(options)
  })
  afterEach(() => siege.raise())
  after(async () => {
    siege.assertMemoryWithin(growthBytesMax)
    await siege.stop()
  })
  return () => siege
}

/** Everybody who came since the last mark was served; says how many. */
export async function assertAllServed(clients: SteadyClients): Promise<number> {
  const { visits, served, faults } = await clients.mark()
  assert.deepEqual({ served, faults }, { served: visits, faults: {} })
  return visits
}

/** So many have come since the last mark, and all of them were served; says how many. */
export async function assertServedFor(clients: SteadyClients, visitsMin: number): Promise<number> {
  let visits = 0
  while (visits < visitsMin) {
    visits += await assertAllServed(clients)
    // Asking all the time would take the processor from those who are asked about.
    await sleep(MARK_EVERY_MS)
  }
  return visits
}

/** What became of so many visits, or somewhat more, since the last mark. */
export async function visitsSince(
  clients: SteadyClients,
  visitsMin: number,
): Promise<Pick<SteadyClientsReport, 'visits' | 'served' | 'faults'>> {
  let [visits, served] = [0, 0]
  const faults: Record<string, number> = {}
  while (visits < visitsMin) {
    const report = await clients.mark()
    visits += report.visits
    served += report.served
    for (const [fault, count] of Object.entries(report.faults)) faults[fault] = (faults[fault] ?? 0) + count
    await sleep(MARK_EVERY_MS)
  }
  return { visits, served, faults }
}
