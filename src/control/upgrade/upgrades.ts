/** SIGUSR2 and `tidegate upgrade`: one attempt at a time; the one that succeeds is the last of this process. */
import type { Log } from '../log/log.ts'
import type { ListeningSockets } from './handover.ts'
import { ownCommand, startSuccessor, type SuccessorOutcome } from './successor.ts'

/** Whoever knows the listening sockets of the workers. */
export interface SocketSource {
  readonly listeningSockets: () => readonly ListeningSockets[]
  /** What the next version reads when it starts is written then. */
  readonly beforeUpgrade?: () => Promise<void>
}

export class Upgrades {
  readonly #log: Log
  readonly #onHandedOver: () => void
  #sources: { readonly workers: SocketSource; readonly admin: ListeningSockets | undefined } | undefined
  #running: Promise<SuccessorOutcome> | undefined
  readonly #onSignal = (): void => void this.upgrade()

  /** From now on the signal does not end the process. `onHandedOver`: the next version serves, this one takes no new clients. */
  constructor(log: Log, onHandedOver: () => void) {
    this.#log = log
    this.#onHandedOver = onHandedOver
    process.on('SIGUSR2', this.#onSignal)
  }

  /** All listeners are open. */
  allow(workers: SocketSource, admin: ListeningSockets | undefined): void {
    this.#sources = { workers, admin }
  }

  stop(): void {
    process.off('SIGUSR2', this.#onSignal)
    // Without a handler the signal would end the process, and with it its last clients.
    process.on('SIGUSR2', () => {})
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
    const { workers, admin } = this.#sources
    await workers.beforeUpgrade?.()
    const command = ownCommand()
    this.#log.say('upgrade-started', { command }, `Starting the next version: ${command[0]}.`)
    return await startSuccessor({ command, listeners: workers.listeningSockets(), admin })
  }
}

function failed(why: string): SuccessorOutcome {
  return { kind: 'failed', why }
}
