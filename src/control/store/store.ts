/**
 * What the node keeps, as control and API see it: promises only, each with a deadline. The file is open in a thread of
 * its own (store-thread.ts). Whatever happens to file or disk, calls reject with StoreError, it is said once, it is
 * tried again with pauses, and the daemon goes on without.
 */
import { isAbsolute, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { threadEntry } from '../../lib/thread-entry.ts'
import type { Log } from '../log/log.ts'
import { type Clients, TABLES } from './all-tables.ts'
import type { BackupResult } from './backup-file.ts'
import { PendingCalls } from './pending-calls.ts'
import { endsTheThread, isTrouble, StoreError } from './store-error.ts'
import { sayStoreBack, sayStoreDamaged, sayStoreFailing } from './store-lines.ts'
import { STORE_BYTES_MAX } from './store-messages.ts'
import type { StoreFailure, StoreReport, StoreRequest, StoreThreadStart } from './store-messages.ts'

export { StoreError, type StoreErrorCode } from './store-error.ts'

export const STORE_FILE_NAME = 'tidegate.db'
export const CALL_DEADLINE_MS = 10_000
/** A large file on a slow disk; calls of others are answered meanwhile. */
const BACKUP_DEADLINE_MS = 10 * 60_000
/** A start waits no longer: a file that takes longer to check, or a disk that hangs, is waited for in the background. */
const OPEN_WAIT_MS = 5_000
const CLOSE_WAIT_MS = 5_000
const RETRY_AFTER_MS = 1_000
const RETRY_AFTER_MS_MAX = 60_000

export interface StoreTrouble extends StoreFailure {
  readonly sinceMs: number
}
export type StoreState =
  /** With a trouble, reading may go on, and writing failed last. */
  | { readonly kind: 'open'; readonly trouble: StoreTrouble | undefined }
  | { readonly kind: 'off'; readonly trouble: StoreTrouble }

export interface StoreOptions {
  readonly bytesMax?: number
  readonly retryAfterMs?: number
  readonly deadlineMs?: number
}

const NOT_YET: StoreFailure = { code: 'E_STORE_OFF', message: 'The store is being opened; try again in a moment.' }
const NONE: StoreFailure = { code: 'E_STORE_OFF', message: 'This node runs without a store.' }
const CLOSED: StoreFailure = { code: 'E_STORE_OFF', message: 'The store is closed, as the daemon ends.' }
const LOST: StoreFailure = {
  code: 'E_STORE_OFF',
  message:
    'The store went down before it answered; what was asked for may be done or not. It is opened again by itself.',
}

export class Store implements Clients {
  readonly users: Clients['users']
  readonly tokens: Clients['tokens']
  readonly sessions: Clients['sessions']
  readonly audit: Clients['audit']
  readonly configHistory: Clients['configHistory']
  readonly listEntries: Clients['listEntries']
  readonly totals: Clients['totals']
  readonly series: Clients['series']
  readonly notifications: Clients['notifications']
  readonly exposure: Clients['exposure']
  readonly attacks: Clients['attacks']
  readonly bans: Clients['bans']
  /** Undefined for a node without a store. */
  readonly path: string | undefined
  readonly #log: Log | undefined
  readonly #options: Required<StoreOptions>
  readonly #pending = new PendingCalls((error) => this.#isFailing(error))
  #thread: Worker | undefined
  #state: StoreState = { kind: 'off', trouble: { ...NONE, sinceMs: Date.now() } }
  /** The log has been told of the trouble that is. */
  #isSaid = false
  #retryAfterMs: number
  #retry: NodeJS.Timeout | undefined
  #isClosing = false
  /** A call met damage in the file. */
  #isSuspect = false
  readonly #settled = Promise.withResolvers<void>()

  private constructor(path: string | undefined, log: Log | undefined, options: StoreOptions) {
    this.path = path
    this.#log = log
    this.#options = {
      bytesMax: STORE_BYTES_MAX,
      retryAfterMs: RETRY_AFTER_MS,
      deadlineMs: CALL_DEADLINE_MS,
      ...options,
    }
    this.#retryAfterMs = this.#options.retryAfterMs
    const clients = clientsBy((table, name, args) => this.#call({ kind: 'call', id: 0, table, name, args }))
    this.users = clients.users
    this.tokens = clients.tokens
    this.sessions = clients.sessions
    this.audit = clients.audit
    this.configHistory = clients.configHistory
    this.listEntries = clients.listEntries
    this.totals = clients.totals
    this.series = clients.series
    this.notifications = clients.notifications
    this.exposure = clients.exposure
    this.attacks = clients.attacks
    this.bans = clients.bans
  }

  /** Never throws; after 5 s at most, whatever came of it. */
  static async open(stateDir: string, log: Log, options: StoreOptions = {}): Promise<Store> {
    const store = new Store(join(stateDir, STORE_FILE_NAME), log, options)
    store.#state = { kind: 'off', trouble: { ...NOT_YET, sinceMs: Date.now() } }
    store.#startThread()
    const timer = setTimeout(() => store.#isSlow(), OPEN_WAIT_MS)
    await store.#settled.promise
    clearTimeout(timer)
    return store
  }

  /** Off for good: for nodes of tests, and others that keep nothing. */
  static none(): Store {
    return new Store(undefined, undefined, {})
  }

  get state(): StoreState {
    return this.#state
  }

  /** A whole copy in a new file, which only the daemon's user may read. `path` is absolute. */
  async backup(path: string): Promise<BackupResult> {
    if (!isAbsolute(path)) throw new StoreError('E_STORE_VALUE', `${path} is a relative path; name the whole path.`)
    return (await this.#call({ kind: 'backup', id: 0, path }, BACKUP_DEADLINE_MS)) as BackupResult
  }

  #call(request: Exclude<StoreRequest, { kind: 'close' }>, deadlineMs = this.#options.deadlineMs): Promise<unknown> {
    const thread = this.#thread
    if (this.#state.kind === 'off' || thread === undefined || this.#isClosing) {
      const { code, message } = this.#isClosing || this.#state.kind === 'open' ? CLOSED : this.#state.trouble
      return Promise.reject(new StoreError(code, message))
    }
    return this.#pending.add(deadlineMs, (id) => {
      // The process does not end while somebody waits for an answer.
      thread.ref()
      thread.postMessage({ ...request, id })
    })
  }

  #startThread(): void {
    const start: StoreThreadStart = { path: this.path!, bytesMax: this.#options.bytesMax, isSuspect: this.#isSuspect }
    this.#isSuspect = false
    const thread = new Worker(threadEntry('control/store/store-thread'), {
      workerData: start,
      name: 'tidegate-store',
      resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 256 },
    })
    this.#thread = thread
    thread.on('message', (report: StoreReport) => {
      if (thread === this.#thread) this.#take(report, thread)
    })
    let error: Error | undefined
    thread.on('error', (thrown: Error) => {
      error = thrown
    })
    thread.on('exit', () => {
      if (thread === this.#thread) this.#ended(error)
    })
  }

  #take(report: StoreReport, thread: Worker): void {
    switch (report.kind) {
      case 'opened':
        if (report.setAside !== undefined) this.#say((log, path) => sayStoreDamaged(log, path, report.setAside!))
        this.#isWell()
        thread.unref()
        this.#settled.resolve()
        return
      case 'not-opened':
        this.#isOff(report.failure)
        this.#settled.resolve()
        return
      case 'done':
        this.#pending.resolve(report.id, report.result)
        break
      case 'failed':
        this.#pending.reject(report.id, report.failure)
        if (endsTheThread(report.failure.code)) this.#isLost(report.failure)
        else if (isTrouble(report.failure.code)) this.#isFailing(report.failure)
    }
    if (this.#pending.count === 0) thread.unref()
  }

  #say(line: (log: Log, path: string) => void): void {
    if (this.#log !== undefined && this.path !== undefined) line(this.#log, this.path)
  }

  /** Open, and the last write went well. */
  #isWell(): void {
    const { trouble } = this.#state
    this.#state = { kind: 'open', trouble: undefined }
    if (this.#isSaid) this.#say((log, path) => sayStoreBack(log, path, Date.now() - trouble!.sinceMs))
    this.#isSaid = false
    this.#calmDown()
  }

  /** It is checked, or its disk hangs: it may still come. */
  #isSlow(): void {
    const message = `${this.path} is not open after ${OPEN_WAIT_MS / 1000} s; it is waited for in the background.`
    this.#state = { kind: 'off', trouble: this.#troubleOf({ code: 'E_STORE_LATE', message }) }
    this.#settled.resolve()
  }

  /** Open, but it can't be written, or does not answer. */
  #isFailing({ code, message }: StoreFailure): void {
    if (this.#state.kind === 'off' || this.#isClosing) return
    this.#state = { kind: 'open', trouble: this.#troubleOf({ code, message }) }
    this.#retryLater()
  }

  #isOff(failure: StoreFailure): void {
    if (this.#isClosing) return
    this.#state = { kind: 'off', trouble: this.#troubleOf(failure) }
    this.#retryLater()
  }

  #troubleOf({ code, message }: StoreFailure): StoreTrouble {
    if (!this.#isSaid) this.#say((log, path) => sayStoreFailing(log, path, { code, message }))
    const sinceMs = this.#isSaid ? (this.#state.trouble?.sinceMs ?? Date.now()) : Date.now()
    this.#isSaid = true
    return { code, message, sinceMs }
  }

  /** One at a time; each pause is longer than the one before, until it was well for as long as the longest. */
  #retryLater(): void {
    if (this.#retry !== undefined) return
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#tryAgain()
    }, this.#retryAfterMs)
    this.#retry.unref()
    this.#retryAfterMs = Math.min(this.#retryAfterMs * 2, Math.max(RETRY_AFTER_MS_MAX, this.#options.retryAfterMs))
  }

  #tryAgain(): void {
    if (this.#isClosing) return
    if (this.#state.kind === 'open') void this.#probe()
    else if (this.#thread === undefined) this.#startThread()
    // The one before may hang in the disk, and two at once must not be.
    else this.#retryLater()
  }

  async #probe(): Promise<void> {
    try {
      await this.#call({ kind: 'probe', id: 0 })
      this.#isWell()
    } catch (error) {
      if (error instanceof StoreError) this.#isFailing(error)
    }
  }

  /** Who breaks again and again is tried less and less often. */
  #calmDown(): void {
    setTimeout(() => {
      if (this.#state.trouble === undefined) this.#retryAfterMs = this.#options.retryAfterMs
    }, RETRY_AFTER_MS_MAX).unref()
  }

  /** The thread ends by itself; the next one looks at all of a damaged file, and sets it aside. */
  #isLost(failure: StoreFailure): void {
    this.#isSuspect = failure.code === 'E_STORE_DAMAGED'
    this.#isOff(failure)
  }

  #ended(error: Error | undefined): void {
    this.#thread = undefined
    this.#pending.rejectAll(this.#isClosing ? CLOSED : LOST)
    const message = `The thread of the store ended (${error?.message ?? 'without a word'}). Please report it.`
    // One that could not open the file has said why.
    if (this.#state.kind === 'open') this.#isOff({ code: 'E_STORE_INTERNAL', message })
    this.#settled.resolve()
  }

  /** What was asked for before is done first. `stuck`: the thread hangs in the disk, and an ordinary exit would wait for it. */
  async close(): Promise<'closed' | 'stuck'> {
    this.#isClosing = true
    clearTimeout(this.#retry)
    const thread = this.#thread
    if (thread === undefined) return 'closed'
    const ended = new Promise<'closed'>((resolve) => {
      thread.once('exit', () => resolve('closed'))
    })
    thread.ref()
    thread.postMessage({ kind: 'close' } satisfies StoreRequest)
    const timer = Promise.withResolvers<'stuck'>()
    const timeout = setTimeout(() => timer.resolve('stuck'), CLOSE_WAIT_MS)
    const end = await Promise.race([ended, timer.promise])
    clearTimeout(timeout)
    return end
  }
}

type Call = (table: string, name: string, args: readonly unknown[]) => Promise<unknown>

/** Each operation of each table as a function that asks the thread. */
function clientsBy(call: Call): Clients {
  const clients = Object.entries(TABLES).map(([table, { reads, writes }]) => {
    const names = [...Object.keys(reads), ...Object.keys(writes)]
    const operations = names.map((name) => [name, (...args: unknown[]) => call(table, name, args)])
    return [table, Object.fromEntries(operations)]
  })
  return Object.fromEntries(clients) as Clients
}
