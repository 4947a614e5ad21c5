/** An attack, the clients it is aimed against, and the upstream they want: each a process of its own. */
import { fileURLToPath } from 'node:url'
import type { AnsweringMessage } from '../load/answering.ts'
import type { AttackName } from '../load/attackers/all-attacks.ts'
import type { PacketsPlan, PacketsReport } from '../load/attackers/packets.ts'
import type { RaidPlan, RaidReport } from '../load/attackers/raid.ts'
import type { SteadyClientsLoad, SteadyClientsReport } from '../load/steady-clients.ts'
import { nextMessage } from './messages.ts'
import { start, type Running, type StartOptions } from './processes.ts'

export interface Place extends Omit<StartOptions, 'channel' | 'label'> {
  /** Words before the command: `nsenter …`. */
  readonly prefix?: readonly string[]
}

const ANSWERING = fileURLToPath(new URL('../load/answering.ts', import.meta.url))
const STEADY_CLIENTS = fileURLToPath(new URL('../load/steady-clients.ts', import.meta.url))
const PACKETS = fileURLToPath(new URL('../load/attackers/packets.ts', import.meta.url))
const ATTACK = fileURLToPath(new URL('../load/attackers/attack.ts', import.meta.url))

/** To start, and to say at the end what was seen. */
const PATIENCE_MS = 60_000

let started = 0

function startProgram(name: string, program: string, words: readonly string[], place: Place): Running {
  const { prefix = [], ...options } = place
  const label = `${name}-${started++}`
  return start([...prefix, process.execPath, program, ...words], { ...options, label, channel: true })
}

/** The upstream of load/answering.ts. */
export async function startAnswering(place: Place): Promise<{ readonly port: number; readonly running: Running }> {
  const running = startProgram('answering', ANSWERING, [], place)
  const { port } = await nextMessage<AnsweringMessage>(running)
  return { port, running }
}

export class SteadyClients {
  readonly #running: Running

  constructor(load: SteadyClientsLoad, place: Place) {
    this.#running = startProgram('steady-clients', STEADY_CLIENTS, [JSON.stringify(load)], place)
  }

  /** What became of all that came since the last mark. */
  async mark(): Promise<SteadyClientsReport> {
    const report = nextMessage<SteadyClientsReport>(this.#running)
    this.#running.process.send('mark')
    return report
  }

  async stop(): Promise<void> {
    await this.#running.stop()
  }
}

/** The whole flood of load/attackers/packets.ts; for a network of one's own. */
export async function floodWithPackets(plan: PacketsPlan, place: Place): Promise<PacketsReport> {
  const running = startProgram(`packets-${plan.kind}`, PACKETS, [JSON.stringify(plan)], place)
  const report = await nextMessage<PacketsReport>(running)
  await running.stop()
  return report
}

export class Attack {
  readonly #running: Running
  readonly #report: Promise<RaidReport>

  constructor(name: AttackName, plan: RaidPlan, place: Place) {
    this.#running = startProgram(name, ATTACK, [name, JSON.stringify(plan)], place)
    this.#report = nextMessage<RaidReport>(this.#running, plan.seconds * 1000 + PATIENCE_MS)
    // Whoever awaits it hears of a failure; it may come before anybody does.
    this.#report.catch(() => {})
  }

  /** When it is over by its own plan. */
  async over(): Promise<RaidReport> {
    const report = await this.#report
    await this.#running.stop()
    return report
  }

  /** Ends it now. */
  async stop(): Promise<RaidReport> {
    if (!this.#running.ended()) this.#running.process.send('stop')
    return this.over()
  }
}
