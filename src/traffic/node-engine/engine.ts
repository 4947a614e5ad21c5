/**
 * The node engine: the same steps as the linux engine on node:net, for machines where FFI can't run.
 * This file is one worker from start to end; connection.ts is the life of one connection.
 */
import { performance } from 'node:perf_hooks'
import { monotonicMs } from '../../lib/clock.ts'
import { WORKER } from '../counters.ts'
import type { WorkerCommand, WorkerStart } from '../events.ts'
import type { MonotonicMs } from '../node-wide.ts'
import { admitClient } from './admit.ts'
import { AcceptPause } from './accept-pause.ts'
import { openListeners, type OpenListener } from './listen.ts'
import { warnOfIgnoredOptions } from './socket-options.ts'
import { TrafficWorker } from './traffic-worker.ts'

/** How often busy time and loop turns are written down, and running out of files is looked for. */
const SAMPLE_MS = 1000
/** How long a drain goes on accepting whom the kernel has queued, while new clients keep coming. */
const LAST_ACCEPTS_MS_MAX = 500
/** A turn of the event loop accepts at least one client of each queue; the first may be the one the command came in. */
const QUIET_TURNS = 2

export function runNodeEngine(start: WorkerStart): void {
  new NodeEngine(start).run()
}

class NodeEngine {
  readonly #worker: TrafficWorker
  readonly #pause: AcceptPause
  #listeners: readonly OpenListener[] = []
  #sampling: NodeJS.Timeout | undefined
  #accepted = 0
  #state: 'serving' | 'emptying-queue' | 'draining' | 'ended' = 'serving'

  constructor(start: WorkerStart) {
    this.#worker = new TrafficWorker(start)
    this.#worker.onEmpty = () => this.#reportDrained()
    this.#pause = new AcceptPause(this.#worker)
    this.#worker.onOutOfFiles = (code) => this.#pause.begin(code)
  }

  run(): void {
    // A bug may cost the connection it is in, never the others: control is told, the worker goes on.
    process.on('uncaughtException', (error) => this.#worker.reportInternalError(error))
    this.#worker.start.port.on('message', (command: WorkerCommand) => this.#obey(command))
    this.#sampling = setInterval(() => this.#sample(), SAMPLE_MS)
    warnOfIgnoredOptions(this.#worker)
    void this.#worker.wakes.onWake(this.#worker.start.workerIndex, () => this.#takeCalls())
    void this.#listen()
  }

  async #listen(): Promise<void> {
    const outcome = await openListeners(this.#worker.start, (client, place) => {
      this.#accepted++
      admitClient(this.#worker, this.#pause, client, place)
    })
    for (const { address, code, message } of outcome.failures) {
      this.#worker.report({ kind: 'listen-failed', address, code, message })
    }
    this.#listeners = outcome.open
    if (outcome.failures.length > 0 || this.#state !== 'serving') return this.#stopListening()
    for (const { server } of this.#listeners) {
      server.on('error', (error: NodeJS.ErrnoException) => this.#pause.begin(error.code ?? error.message))
    }
    const addresses = this.#listeners.map(({ listenerIndex, address }) => ({ listenerIndex, address }))
    this.#worker.report({ kind: 'listening', wakeFd: -1, addresses })
  }

  #obey(command: WorkerCommand): void {
    switch (command.kind) {
      case 'tables':
        return this.#worker.swapTables(command.tables)
      case 'drain':
        return this.#drain()
      case 'end':
        return this.#end()
    }
  }

  /** False when no more calls can come. */
  #takeCalls(): boolean {
    if (this.#state !== 'ended') this.#worker.takeCalls()
    return this.#state !== 'ended'
  }

  #drain(): void {
    if (this.#state !== 'serving') return
    this.#state = 'emptying-queue'
    this.#emptyQueue(monotonicMs() + LAST_ACCEPTS_MS_MAX, this.#accepted, 0)
  }

  /** Closing a listener resets the clients that have connected and were not accepted yet. */
  #emptyQueue(untilMs: MonotonicMs, acceptedBefore: number, quietTurns: number): void {
    if (this.#state !== 'emptying-queue') return
    if (quietTurns <= QUIET_TURNS && monotonicMs() < untilMs) {
      const accepted = this.#accepted
      setImmediate(() => this.#emptyQueue(untilMs, accepted, accepted === acceptedBefore ? quietTurns + 1 : 0))
      return
    }
    this.#state = 'draining'
    this.#stopListening()
    this.#reportDrained()
  }

  #reportDrained(): void {
    if (this.#state === 'draining' && this.#worker.connections.size === 0) this.#worker.report({ kind: 'drained' })
  }

  /** With the last handle closed, the thread ends by itself. */
  #end(): void {
    this.#state = 'ended'
    this.#stopListening()
    clearInterval(this.#sampling)
    for (const connection of this.#worker.connections) connection.end('drained')
    this.#worker.start.port.close()
  }

  #stopListening(): void {
    for (const { server } of this.#listeners) server.close()
    this.#listeners = []
  }

  #sample(): void {
    const counters = this.#worker.counters.worker
    counters[WORKER.busyMs] = performance.eventLoopUtilization().active
    counters[WORKER.loopTurns] = performance.nodeTiming.uvMetricsInfo.loopCount
    this.#pause.lookForShortage()
  }
}
