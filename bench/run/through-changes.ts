/** The clients of `changes` (load/through-changes.ts), from the side of who makes the changes. */
import { fileURLToPath } from 'node:url'
import type {
  ThroughChangesCommand,
  ThroughChangesLoad,
  ThroughChangesMessage,
  ThroughChangesReport,
} from '../load/through-changes.ts'
import { BenchFailure } from './failure.ts'
import { start, type Running, type StartOptions } from './processes.ts'

const GENERATOR = fileURLToPath(new URL('../load/through-changes.ts', import.meta.url))
const PATIENCE_MS = 60_000

export class Clients {
  readonly #running: Running

  constructor(load: ThroughChangesLoad, options: Omit<StartOptions, 'channel' | 'label'>) {
    const command = [process.execPath, GENERATOR, JSON.stringify(load)]
    this.#running = start(command, { ...options, label: `clients-${load.port}`, channel: true })
  }

  /** So many more, which stay open to the end; resolves when each has heard an echo, or is broken. */
  async openStreams(count: number): Promise<void> {
    await this.#ask({ kind: 'open-streams', count }, 'opened')
  }

  /** From now on new ones come all the time. */
  come(): void {
    this.#running.process.send({ kind: 'visit' } satisfies ThroughChangesCommand)
  }

  /** Ends all streams cleanly, and says what became of everybody. */
  async leave(): Promise<ThroughChangesReport> {
    return (await this.#ask({ kind: 'stop' }, 'report')) as ThroughChangesReport
  }

  async stop(): Promise<void> {
    await this.#running.stop()
  }

  #ask(command: ThroughChangesCommand, wanted: ThroughChangesMessage['kind']): Promise<ThroughChangesMessage> {
    const { process: child, output } = this.#running
    const { promise, resolve, reject } = Promise.withResolvers<ThroughChangesMessage>()
    const timer = setTimeout(() => reject(new BenchFailure(`the clients did not say ${wanted}`)), PATIENCE_MS)
    const onExit = (): void => reject(new BenchFailure(`the clients ended:\n${output()}`))
    child.once('message', resolve).once('exit', onExit)
    child.send(command)
    return promise.finally(() => {
      clearTimeout(timer)
      child.off('message', resolve).off('exit', onExit)
    })
  }
}
