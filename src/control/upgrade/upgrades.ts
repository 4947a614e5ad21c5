/** SIGUSR2 and `tidegate upgrade`: one attempt at a time; the one that succeeds is the last of this process. */
import type { Log } from '../log/log.ts'
import { ownCommand, startSuccessor, type ListeningSockets, type SuccessorOutcome } from './successor.ts'

export interface UpgradesOptions {
  readonly log: Log
  readonly listeners: () => readonly ListeningSockets[]
  readonly adminFd: () => number | undefined
  /** The next version serves; this one takes no new clients from now on. */
  readonly onHandedOver: () => void
}

export class Upgrades {
  readonly #options: UpgradesOptions
  #running: Promise<SuccessorOutcome> | undefined
  readonly #onSignal = (): void => void this.upgrade()

  constructor(options: UpgradesOptions) {
    this.#options = options
    process.on('SIGUSR2', this.#onSignal)
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
    const { log, listeners, adminFd, onHandedOver } = this.#options
    const [program, ...args] = ownCommand()
    log.say('upgrade-started', { command: [program, ...args] }, `Starting the next version: ${program}.`)
    const outcome = await startSuccessor({
      command: [program, ...args],
      listeners: listeners(),
      adminFd: adminFd(),
    }).catch((error: unknown): SuccessorOutcome => ({ kind: 'failed', why: (error as Error).message }))
    if (outcome.kind === 'failed') {
      log.say('upgrade-failed', { why: outcome.why }, 'The next version did not start; this one goes on.')
    } else {
      const { pid, version } = outcome
      log.say('upgraded', { pid, version }, `Version ${version} serves now (pid ${pid}); this process drains.`)
      onHandedOver()
    }
    return outcome
  }
}
