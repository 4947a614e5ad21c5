/**
 * The node engine: the same steps as the linux engine on node:net, for machines where FFI can't run.
 * This file is one worker from start to end; connection.ts is the life of one connection.
 */
import { performance } from 'node:perf_hooks'
import { WORKER } from '../counters.ts'
import type { ListeningAddress, WorkerCommand, WorkerStart } from '../events.ts'
import type { Tables } from '../tables.ts'
import { admitClient } from './admit.ts'
import { AcceptPause } from './accept-pause.ts'
import { closeBanned } from './close-banned.ts'
import { closeUpstream } from './close-upstream.ts'
import { lookAtConnections } from './look-at-connections.ts'
import { lookAtDeadlines } from './look-at-deadlines.ts'
import { emptyQueues, Listeners } from './listeners.ts'
import { dropComplaintsOf, warnOfDrops } from './refuse.ts'
import { ignoredOptionsOf, warnOfIgnoredOptions } from './socket-options.ts'
import { TrafficWorker } from './traffic-worker.ts'

/** How often busy time and loop turns are written down, and running out of files is looked for. */
const SAMPLE_MS = 1000

export function runNodeEngine(start: WorkerStart): void {
  new NodeEngine(start).run()
}

class NodeEngine {
  readonly #worker: TrafficWorker
  readonly #pause: AcceptPause
  readonly #listeners: Listeners
  #sampling: NodeJS.Timeout | undefined
  #state: 'serving' | 'emptying-queue' | 'draining' | 'ended' = 'serving'
  /** Changes of listeners take more than one turn, and each begins when the one before it is done. */
  #lastChange: Promise<void> = Promise.resolve()

  constructor(start: WorkerStart) {
    this.#worker = new TrafficWorker(start)
    this.#worker.onEmpty = () => this.#reportDrained()
    this.#pause = new AcceptPause(this.#worker)
    this.#worker.onOutOfFiles = (code) => this.#pause.begin(code)
    this.#listeners = new Listeners(start, this.#pause, (client, place) => {
      admitClient(this.#worker, this.#pause, client, place)
    })
  }

  run(): void {
    // A bug may cost the connection it is in, never the others: control is told, the worker goes on.
    process.on('uncaughtException', (error) => this.#worker.reportInternalError(error))
    this.#worker.start.port.on('message', (command: WorkerCommand) => this.#obey(command))
    this.#sampling = setInterval(() => this.#sample(), SAMPLE_MS)
    warnOfIgnoredOptions(this.#worker, new Set())
    warnOfDrops(this.#worker, new Set())
    void this.#worker.wakes.onWake(this.#worker.start.workerIndex, () => this.#takeCalls())
    this.#change(() => this.#listen())
  }

  async #listen(): Promise<void> {
    const addresses = await this.#prepare(this.#worker.tables)
    if (addresses === undefined || this.#state !== 'serving') return
    await this.#listeners.commit()
    this.#worker.report({ kind: 'listening', wakeFd: -1, addresses })
  }

  /** Undefined when a listener can't be had: control was told, and what was opened is closed. */
  async #prepare(tables: Tables): Promise<readonly ListeningAddress[] | undefined> {
    const outcome = await this.#listeners.prepare(tables)
    for (const { address, code, message } of outcome.failures) {
      this.#worker.report({ kind: 'listen-failed', address, code, message })
    }
    // A stop that came meanwhile has closed everything that was open, and can't know of these.
    if (outcome.failures.length > 0 || this.#state !== 'serving') this.#listeners.cancel()
    if (outcome.failures.length > 0) return undefined
    return outcome.open.map(({ listenerIndex, address, fd }) => ({ listenerIndex, address, fd }))
  }

  #obey(command: WorkerCommand): void {
    switch (command.kind) {
      case 'tables':
        return this.#swapTables(command.tables)
      case 'close-upstream':
        return closeUpstream(this.#worker, command.upstreamIndex)
      case 'close-banned':
        return closeBanned(this.#worker)
      case 'look-at-deadlines':
        return lookAtDeadlines(this.#worker)
      case 'look':
        return lookAtConnections(this.#worker, command.id, command.look)
      case 'prepare':
        return this.#change(async () => {
          const addresses = await this.#prepare(command.tables)
          if (addresses !== undefined) this.#worker.report({ kind: 'prepared', addresses })
        })
      case 'commit':
        return this.#change(() => this.#commit())
      case 'cancel':
        return this.#change(async () => {
          this.#listeners.cancel()
          this.#worker.report({ kind: 'settled' })
        })
      case 'drain':
        return this.#drain()
      case 'end':
        return this.#end()
    }
  }

  /** The listeners are the same. */
  #swapTables(tables: Tables): void {
    const said = dropComplaintsOf(this.#worker.tables)
    this.#worker.swapTables(tables)
    warnOfDrops(this.#worker, said)
  }

  /** False when no more calls can come. */
  #takeCalls(): boolean {
    if (this.#state !== 'ended') this.#worker.takeCalls()
    return this.#state !== 'ended'
  }

  #change(step: () => Promise<void>): void {
    this.#lastChange = this.#lastChange.then(step).catch((error: unknown) => this.#worker.reportInternalError(error))
  }

  async #commit(): Promise<void> {
    const { tables } = this.#listeners
    if (tables !== undefined) {
      const said = ignoredOptionsOf(this.#worker.tables)
      const saidOfDrops = dropComplaintsOf(this.#worker.tables)
      this.#worker.swapTables(tables)
      warnOfIgnoredOptions(this.#worker, said)
      warnOfDrops(this.#worker, saidOfDrops)
      await this.#listeners.commit()
    }
    this.#worker.report({ kind: 'settled' })
  }

  #drain(): void {
    // Asked once more: whoever asks waits for the answer.
    if (this.#state !== 'serving') return this.#reportDrained()
    this.#state = 'emptying-queue'
    this.#worker.tarPit.close()
    void emptyQueues(this.#listeners.open, () => this.#state === 'emptying-queue').then(() => {
      if (this.#state !== 'emptying-queue') return
      this.#state = 'draining'
      this.#listeners.close()
      this.#reportDrained()
    })
  }

  #reportDrained(): void {
    if (this.#state === 'draining' && this.#worker.connections.size === 0) this.#worker.report({ kind: 'drained' })
  }

  /** With the last handle closed, the thread ends by itself. */
  #end(): void {
    this.#state = 'ended'
    this.#listeners.close()
    clearInterval(this.#sampling)
    this.#worker.tarPit.close()
    for (const connection of this.#worker.connections) connection.end('drained')
    this.#worker.start.port.close()
  }

  #sample(): void {
    const counters = this.#worker.counters.worker
    counters[WORKER.busyMs] = performance.eventLoopUtilization().active
    counters[WORKER.lagMs] = this.#worker.lagMs
    this.#worker.lagMs = 0
    counters[WORKER.loopTurns] = performance.nodeTiming.uvMetricsInfo.loopCount
    this.#pause.lookForShortage()
  }
}
