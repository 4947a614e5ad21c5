/**
 * Starts the workers, gives them tables, and ends them. Worker 0 listens first: it finds out which ports are taken,
 * and picks the port where port 0 was asked, so that all workers share one.
 */
import type { SocketAddress } from '../../lib/ip.ts'
import { threadEntry } from '../../lib/thread-entry.ts'
import type { ConnectionLook, LookAnswer } from '../../traffic/connection-look.ts'
import type { EngineName, ListeningAddress, WorkerCommand, WorkerEvent, WorkerLimits } from '../../traffic/events.ts'
import type { Listener, Tables } from '../../traffic/tables.ts'
import { listenerKey, type Inheritance, type ListeningSockets } from '../upgrade/handover.ts'
import { ConnectionLooks } from './connection-looks.ts'
import type { SharedMemory } from './shared-memory.ts'
import { StartError } from './start-error.ts'
import { listenErrorIn, TablesChange, withAddresses } from './tables-change.ts'
import { WorkerThread } from './worker-thread.ts'

/** Opening sockets takes milliseconds; a worker that says nothing for so long hangs. */
const START_TIMEOUT_MS = 30_000
/** How long a worker may take to reset its connections and end. */
const END_TIMEOUT_MS = 5_000
/** How long a worker's thread may take to be cut off; one that is stuck in a system call can't be. */
const TERMINATE_TIMEOUT_MS = 1_000

/** What a worker reports beyond its start and its end, which are dealt with here. */
export type WorkerReport = Exclude<
  WorkerEvent,
  { readonly kind: 'listening' | 'listen-failed' | 'prepared' | 'settled' | 'looked' | 'drained' }
>

export interface WorkersOptions {
  readonly engine: EngineName
  readonly ioUring: boolean
  readonly tables: Tables
  readonly limits: WorkerLimits
  readonly bootId: string
  readonly memory: SharedMemory
  readonly inheritance?: Inheritance
  readonly entry?: URL
  readonly onReport: (report: WorkerReport, workerIndex: number) => void
  /** A worker ended that nobody told to: the daemon can't go on. */
  readonly onLost: (workerIndex: number, error: Error | undefined) => void
}

/** `stuck`: a thread is left that nothing ends but the end of the process, and an ordinary exit would wait for it. */
export type WorkersEnd = 'in order' | 'cut off' | 'stuck'

export class Workers {
  readonly #options: WorkersOptions
  readonly #threads: WorkerThread[] = []
  /** Resolved by `listening`, rejected by `listen-failed` or the thread's end. */
  readonly #starts = new Map<number, PromiseWithResolvers<readonly ListeningAddress[]>>()
  /** A change of listeners that is under way. */
  #change: TablesChange | undefined
  readonly #looks = new ConnectionLooks()
  readonly #drains = new Map<number, PromiseWithResolvers<void>>()
  readonly #addressByListener = new Map<number, SocketAddress>()
  /** Of all workers, by `Listener.index`. */
  readonly #fdsByListener = new Map<number, number[]>()
  readonly #listening = new Set<number>()
  /** The tables with the ports that were asked for, 0 among them. */
  #asked: Tables
  #tables: Tables
  #ending = false
  /** Draining or ending: no listener may open any more. */
  #stopping = false

  constructor(options: WorkersOptions) {
    this.#options = options
    this.#asked = options.tables
    this.#tables = options.tables
  }

  /** The tables of now, with the ports that listeners got. */
  get tables(): Tables {
    return this.#tables
  }

  /** Resolves when all listeners of all workers are open; throws StartError, with all workers ended. */
  async start(): Promise<void> {
    try {
      for (const { listenerIndex, address } of await this.#startWorker(0)) {
        this.#addressByListener.set(listenerIndex, address)
      }
      this.#tables = withAddresses(this.#tables, this.#addressByListener)
      const others = this.#options.memory.workers.slice(1)
      await Promise.all(others.map((_, i) => this.#startWorker(i + 1)))
    } catch (error) {
      await this.end()
      throw error
    }
  }

  async #startWorker(workerIndex: number): Promise<readonly ListeningAddress[]> {
    const { engine, ioUring, limits, bootId, memory } = this.#options
    const started = Promise.withResolvers<readonly ListeningAddress[]>()
    this.#starts.set(workerIndex, started)
    const { counterMemory, logRingMemory, strikesMemory, newcomersMemory } = memory.workers[workerIndex]
    const thread = new WorkerThread({
      entry: this.#options.entry ?? threadEntry('traffic/worker'),
      start: {
        workerIndex,
        workers: memory.workers.length,
        engine,
        ioUring,
        tables: this.#tables,
        inheritedFds: this.#inheritedFds(workerIndex),
        limits,
        bootId,
        counterShape: memory.counterShape,
        counterMemory,
        nodeWideMemory: memory.nodeWideMemory,
        sourceMemory: memory.sourceMemory,
        overloadMemory: memory.overloadMemory,
        knownClientsMemory: memory.knownClientsMemory,
        upstreamStatesMemory: memory.upstreamStatesMemory,
        workerWakesMemory: memory.workerWakesMemory,
        bansMemory: memory.bans.memory,
        logRingMemory,
        strikesMemory,
        newcomersMemory,
      },
      onEvent: (event) => this.#takeEvent(event, workerIndex),
      onEnd: (_, error) => this.#takeEnd(workerIndex, error),
    })
    this.#threads[workerIndex] = thread
    const timer = setTimeout(() => {
      const seconds = START_TIMEOUT_MS / 1000
      started.reject(
        new StartError('E_WORKER_START', `Worker ${workerIndex} did not open its listeners in ${seconds} s.`),
      )
    }, START_TIMEOUT_MS)
    return started.promise.finally(() => clearTimeout(timer))
  }

  #inheritedFds(workerIndex: number): Record<number, readonly number[]> {
    const { inheritance, memory } = this.#options
    if (inheritance === undefined) return {}
    const listeners = this.#options.tables.services.flatMap((service) => service.listeners)
    const fds = (listener: Listener) => inheritance.fdsOfWorker(listener, workerIndex, memory.workers.length)
    return Object.fromEntries(listeners.map((listener) => [listener.index, fds(listener)]))
  }

  #fdsOf(listenerIndex: number): number[] {
    const known = this.#fdsByListener.get(listenerIndex) ?? []
    this.#fdsByListener.set(listenerIndex, known)
    return known
  }

  /** Every listening socket, for the version that follows. */
  listeningSockets(): ListeningSockets[] {
    const got = new Map(this.#tables.services.flatMap(({ listeners }) => listeners.map((one) => [one.index, one])))
    return this.#asked.services.flatMap(({ listeners }) =>
      listeners.map((asked) => ({
        asked: listenerKey(asked),
        got: listenerKey(got.get(asked.index) ?? asked),
        fds: this.#fdsOf(asked.index),
      })),
    )
  }

  #takeEvent(event: WorkerEvent, workerIndex: number): void {
    switch (event.kind) {
      case 'listening':
        this.#listening.add(workerIndex)
        for (const { listenerIndex, fd } of event.addresses) this.#fdsOf(listenerIndex).push(fd)
        this.#starts.get(workerIndex)?.resolve(event.addresses)
        return
      case 'listen-failed':
        if (this.#change === undefined) this.#starts.get(workerIndex)?.reject(listenErrorIn(this.#tables, event))
        else this.#change.takeAnswer(workerIndex, event)
        return
      case 'prepared':
      case 'settled':
        this.#change?.takeAnswer(workerIndex, event)
        return
      case 'looked':
        this.#looks.takeAnswer(event.id, event.answer)
        return
      case 'drained':
        this.#drains.get(workerIndex)?.resolve()
        return
      default:
        this.#options.onReport(event, workerIndex)
    }
  }

  #takeEnd(workerIndex: number, error: Error | undefined): void {
    this.#drains.get(workerIndex)?.resolve()
    this.#change?.takeEnd(workerIndex)
    const why = error === undefined ? 'it ended without an error' : error.message
    this.#starts
      .get(workerIndex)
      ?.reject(new StartError('E_WORKER_START', `Worker ${workerIndex} did not start: ${why}`))
    if (!this.#ending && this.#listening.has(workerIndex)) this.#options.onLost(workerIndex, error)
  }

  /** Swaps the tables in all workers; connections keep those they began with. The listeners must be the same. */
  swapTables(tables: Tables): void {
    this.#tables = withAddresses(tables, this.#addressByListener)
    this.#post({ kind: 'tables', tables: this.#tables })
  }

  /**
   * The same for tables with other listeners, in all workers or in none: throws StartError with nothing changed.
   * `beforeCommit` gets the tables with their ports when nothing can stop them any more, and before a client meets them.
   */
  async changeTables(tables: Tables, beforeCommit: (tables: Tables) => void): Promise<void> {
    const change = new TablesChange(this.#threads, withAddresses(tables, this.#addressByListener))
    this.#change = change
    try {
      const addressByListener = await change.prepare(() => this.#stopping)
      const kept = new Set(tables.services.flatMap(({ listeners }) => listeners.map(({ index }) => index)))
      for (const [index, address] of addressByListener) this.#addressByListener.set(index, address)
      // One that comes back later may ask for port 0 again, and gets another port.
      for (const index of this.#addressByListener.keys()) if (!kept.has(index)) this.#addressByListener.delete(index)
      for (const [index, fds] of change.fdsByListener) this.#fdsByListener.set(index, fds)
      for (const index of this.#fdsByListener.keys()) if (!kept.has(index)) this.#fdsByListener.delete(index)
      this.#asked = tables
      this.#tables = withAddresses(tables, this.#addressByListener)
      beforeCommit(this.#tables)
      await change.commit()
    } finally {
      this.#change = undefined
    }
  }

  /** Ends all connections to the upstream; returns before they have ended. */
  closeUpstream(upstreamIndex: number): void {
    this.#post({ kind: 'close-upstream', upstreamIndex })
  }

  /** Ends all connections of clients that are banned by now; returns before they have ended. */
  closeBanned(): void {
    this.#post({ kind: 'close-banned' })
  }

  /** Deadlines are shorter now: each connection is looked at; returns before that. */
  lookAtDeadlines(): void {
    this.#post({ kind: 'look-at-deadlines' })
  }

  get count(): number {
    return this.#options.memory.workers.length
  }

  /** Asks a worker about its connections, or ends some of them; throws LookError when it does not answer in time. */
  look(workerIndex: number, look: ConnectionLook): Promise<LookAnswer> {
    return this.#looks.ask((command) => this.#threads[workerIndex].post(command), look)
  }

  #post(command: WorkerCommand): void {
    for (const thread of this.#threads) thread.post(command)
  }

  /** Stops listening everywhere; resolves when the last connection is gone. The caller sets the deadline. */
  async drain(): Promise<void> {
    this.#stopping = true
    const drains = this.#threads.map((thread) => {
      const drained = Promise.withResolvers<void>()
      this.#drains.set(thread.index, drained)
      if (thread.hasEnded) drained.resolve()
      return drained.promise
    })
    this.#post({ kind: 'drain' })
    await Promise.all(drains)
  }

  /** Resets what is left and ends all threads. */
  async end(): Promise<WorkersEnd> {
    this.#ending = true
    this.#stopping = true
    this.#post({ kind: 'end' })
    const ended = Promise.all(this.#threads.map((thread) => thread.ended))
    if (await isDoneWithin(ended, END_TIMEOUT_MS)) return 'in order'
    const terminated = Promise.all(this.#threads.map((thread) => thread.terminate()))
    return (await isDoneWithin(terminated, TERMINATE_TIMEOUT_MS)) ? 'cut off' : 'stuck'
  }
}

async function isDoneWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs)
  })
  const done = await Promise.race([work.then(() => true), late])
  clearTimeout(timer)
  return done
}
