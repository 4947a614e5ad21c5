/** The banned and the client beside them, each a process of its own. */
import { fileURLToPath } from 'node:url'
import type { HandshakeFloodPlan, HandshakeFloodReport } from '../load/handshake-flood.ts'
import type { KeptClientLoad, KeptClientReport } from '../load/kept-client.ts'
import { nextMessage } from './messages.ts'
import { start, type Running } from './processes.ts'

const FLOOD = fileURLToPath(new URL('../load/handshake-flood.ts', import.meta.url))
const CLIENT = fileURLToPath(new URL('../load/kept-client.ts', import.meta.url))

export interface Outside {
  readonly dir: string
  readonly cpus: string | undefined
  readonly prefix: readonly string[]
}

let started = 0

/** A process that says on each message what has been since the last. */
class Marked<Report> {
  readonly #running: Running

  constructor(name: string, command: readonly string[], { dir, cpus, prefix }: Outside) {
    const label = `${name}-${started++}`
    this.#running = start([...prefix, ...command], { label, dir, cpus, channel: true })
  }

  async mark(): Promise<Report> {
    const report = nextMessage<Report>(this.#running)
    this.#running.process.send('mark')
    return report
  }

  async stop(): Promise<void> {
    await this.#running.stop()
  }
}

/**
 * It gets what CPU time nobody else on its CPU wants (SCHED_IDLE): attackers have machines of their own, and must not
 * keep the client and the upstream from theirs.
 */
export class HandshakeFlood extends Marked<HandshakeFloodReport> {
  constructor(plan: HandshakeFloodPlan, outside: Outside) {
    const command = ['chrt', '--idle', '0', process.execPath, FLOOD, JSON.stringify(plan)]
    super('handshake-flood', command, outside)
  }
}

export class KeptClient extends Marked<KeptClientReport> {
  constructor(load: KeptClientLoad, outside: Outside) {
    super('kept-client', [process.execPath, CLIENT, JSON.stringify(load)], outside)
  }
}
