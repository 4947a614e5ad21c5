/** A daemon and the versions that follow it: the harness of `Daemon` knows the first process only. */
import { readFileSync } from 'node:fs'
import { waitFor } from './deadline.ts'
import { Daemon, type DaemonOptions, type LogLine } from './daemon.ts'

export class Versions {
  readonly daemon: Daemon
  readonly pids: number[]

  private constructor(daemon: Daemon) {
    this.daemon = daemon
    this.pids = [daemon.pid]
  }

  static async start(options: DaemonOptions): Promise<Versions> {
    return new Versions(await Daemon.start(options))
  }

  /** Of the version that serves. */
  get pid(): number {
    return this.pids[this.pids.length - 1]
  }

  async upgrade(): Promise<void> {
    process.kill(this.pid, 'SIGUSR2')
    await this.upgraded()
  }

  async upgraded(): Promise<void> {
    const outcome = await waitFor('the upgrade to end', () => this.#outcomes()[this.pids.length - 1])
    if (outcome.event !== 'upgraded') throw new Error(`not upgraded: ${JSON.stringify(outcome)}`)
    this.pids.push(outcome['pid'] as number)
  }

  #outcomes(): LogLine[] {
    return this.daemon.lines.filter(({ event }) => event === 'upgraded' || event === 'upgrade-failed')
  }

  /** Begins an upgrade, and does something while the next version is held up in the middle of its start. */
  async whileStarting(event: string, during: () => Promise<void>): Promise<void> {
    const { lines } = this.daemon
    const before = lines.filter((line) => line.event === event).length
    process.kill(this.pid, 'SIGUSR2')
    const pid = await waitFor('the next version to begin', () => childOf(this.pid))
    await waitFor(`${event} of the next version`, () => lines.filter((line) => line.event === event).length > before)
    process.kill(pid, 'SIGSTOP')
    try {
      await during()
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await this.upgraded()
  }

  isRunning(pid: number): boolean {
    try {
      process.kill(pid, 0)
      return true
    } catch {
      return false
    }
  }

  async stop(): Promise<void> {
    for (const pid of this.pids) if (this.isRunning(pid)) process.kill(pid, 'SIGKILL')
    // Its output is open until the last of them is gone.
    await this.daemon.exited
    this.daemon.assertNoInternalErrors()
  }
}

/** The newest process that this one has started [proc_pid_task(5)]. */
function childOf(pid: number): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return children === '' ? undefined : Number(children.split(' ').at(-1))
}
