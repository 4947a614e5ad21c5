/** SIGUSR2 and `tidegate upgrade`: one attempt at a time; the one that succeeds is the last of this process. */
import type { Log } from '../log/log.ts'
import type { ListeningSockets } from './handover.ts'
import type { NewsWriter } from './news.ts'
import { ownCommand, startSuccessor, type SuccessorOutcome } from './successor.ts'

/** Whoever knows the listening sockets of the workers, and what else the next version gets. */
export interface UpgradeSource {
  readonly listeningSockets: () => readonly ListeningSockets[]
  readonly legacy: {
    /** What it reads when it starts is on the disk then; the answer is told to it. */
    readonly prepare: () => Promise<NewsWriter>
  }
}

export class Upgrades {
  readonly #log: Log
  readonly #onHandedOver: () => void
  #sources: { readonly node: UpgradeSource; readonly admin: ListeningSockets | undefined } | undefined
  #running: Promise<SuccessorOutcome> | undefined
  readonly #onSignal = (): void => void this.upgrade()

  /** From now on the signal does not end the process. `onHandedOver`: the next version serves, this one takes no new clients. */
  constructor(log: Log, onHandedOver: () => void) {
    this.#log = log
    this.#onHandedOver = onHandedOver
    process.on('SIGUSR2', this.#onSignal)
  }

  /** All listeners are open. */
  allow(node: UpgradeSource, admin: ListeningSockets | undefined): void {
    this.#sources = { node, admin }
  }

  stop(): void {
    process.off('SIGUSR2', this.#onSignal)
    // Without a handler the signal would end the process, and with it its last clients.
    process.on('SIGUSR2', () => {})
  }

  get isUnderWay(): boolean {
    return this.#running !== undefined
  }

  /** When the next version serves, or has failed to; at once where there is none. */
  async decided(): Promise<void> {
    await this.#running
  }

  /** Never rejects. Who asks while one is under way gets its outcome. */
  async upgrade(): Promise<SuccessorOutcome> {
    this.#running ??= this.#attempt()
    const outcome = await this.#running
    if (outcome.kind === 'failed') this.#running = undefined
    return outcome
  }

  async #attempt(): Promise<SuccessorOutcome> {
    const outcome = await this.#start().catch((error: unknown) => failed((error as Error).message))
    if (outcome.kind === 'failed') {
      this.#log.say('upgrade-failed', { why: outcome.why }, 'The next version did not start; this one goes on.')
      return outcome
    }
    const { pid, version } = outcome
    this.#log.say('upgraded', { pid, version }, `Version ${version} serves now (pid ${pid}); this process drains.`)
    this.#onHandedOver()
    return outcome
  }

  async #start(): Promise<SuccessorOutcome> {
    if (this.#sources === undefined)
      return failed('The running version is still starting itself; ask again once it is ready.')
    const { node, admin } = this.#sources
    const news = await node.legacy.prepare()
    const command = ownCommand()
    this.#log.say('upgrade-started', { command }, `Starting the next version: ${command[0]}.`)
    try {
      return await startSuccessor({ command, listeners: node.listeningSockets(), admin, news })
    } catch (error) {
      // What is said to nobody would wait without end.
      news.close()
      throw error
    }
  }
}

function failed(why: string): SuccessorOutcome {
  return { kind: 'failed', why }
}
