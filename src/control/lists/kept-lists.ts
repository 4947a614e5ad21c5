/**
 * Lists that operators keep through the admin API. The store has them over restarts, memory has them while the daemon
 * runs: a change is in the store first, then in force, and what was in force stays so when the store goes down. Whose
 * time is over goes by itself.
 */
import { steadyMs } from '../../lib/clock.ts'
import { formatNetwork, type Network, parseNetwork } from '../../lib/ip.ts'
import type { Log } from '../log/log.ts'
import { StoreError, type Store } from '../store/store.ts'
import type { ListEntry as StoredEntry } from '../store/tables/list-entries.ts'
import type { ListAction } from './list-tables.ts'
import { KeptList, type KeptEntry } from './kept-list.ts'
import type { List } from './lists.ts'

/** Timers take no longer times. */
const LOOK_AGAIN_MS_MAX = 3_600_000
/** Ends that come close to each other are one change of the tables. */
const LOOK_AGAIN_MS_MIN = 250
/** While the store does not answer. */
const ASK_AGAIN_MS = 5_000
/** Each is a label of metrics. */
export const KEPT_LISTS_MAX = 64

export interface AskedEntry {
  readonly network: Network
  readonly comment: string
  /** Infinity is for good. */
  readonly ttlMs: number
}

/** What became of the entries of one list, as text; `inForce` is false where the node could not go by it (the log says why). */
export interface KeptChange {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  readonly unchanged: number
  readonly entries: number
  readonly inForce: boolean
}

export class KeptLists {
  readonly #stored: Store['listEntries']
  readonly #log: Log
  readonly #nowMs: () => number
  #applyAll: () => Promise<boolean> = async () => false
  /** By `deny/scanners`. */
  readonly #lists = new Map<string, KeptList>()
  #isLoaded = false
  /** Keys of lists that the store may have otherwise than memory, as it did not say what became of a change. */
  readonly #unsure = new Set<string>()
  #hasLeft = false
  #timer: NodeJS.Timeout | undefined
  /** The change of tables that has not begun: it will have everything that is in memory by then. */
  #waiting: Promise<boolean> | undefined
  #lastApplied: Promise<unknown> = Promise.resolve()
  #lastChange: Promise<unknown> = Promise.resolve()

  private constructor({ listEntries }: Pick<Store, 'listEntries'>, log: Log, nowMs: () => number) {
    this.#stored = listEntries
    this.#log = log
    this.#nowMs = nowMs
  }

  /** With what was kept before; where the store does not say, it is asked again from `start` on. */
  static async load(store: Pick<Store, 'listEntries'>, log: Log, nowMs: () => number = steadyMs): Promise<KeptLists> {
    const lists = new KeptLists(store, log, nowMs)
    await lists.#load()
    return lists
  }

  async #load(): Promise<void> {
    try {
      const stored = await this.#stored.all()
      this.#lists.clear()
      for (const entry of stored) this.#restore(entry)
      this.#isLoaded = true
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
    }
  }

  /**
   * From now on a change comes into force by `applyAll`, which compiles the lists anew and says whether it could, and ends
   * are looked for. A predecessor may have changed something since they were read.
   */
  start(applyAll: () => Promise<boolean>, hasPredecessor: boolean): void {
    this.#applyAll = applyAll
    this.#lookAgain()
    if (hasPredecessor) void this.#inTurn(() => this.#load()).then(() => this.#apply())
  }

  /** The next version keeps them from now on. */
  leave(): void {
    this.#hasLeft = true
    clearTimeout(this.#timer)
  }

  /** As `Lists` takes them; those that are empty are none. */
  get all(): readonly List[] {
    return [...this.#lists.values()].filter(({ count }) => count > 0).map((list) => list.compiled())
  }

  of(action: ListAction, name: string): KeptList {
    return this.#lists.get(keyOf(action, name)) ?? new KeptList(action, name)
  }

  /** Adds entries, or changes the comment and end of those that are there. Throws StoreError with nothing changed. */
  async put(action: ListAction, name: string, asked: readonly AskedEntry[], by: string): Promise<KeptChange> {
    return await this.#change(action, name, async (list) => {
      const { added, changed, unchanged } = list.compare(this.#entriesOf(asked, by))
      const all = [...added, ...changed]
      if (all.length > 0) await this.#store(list, (entries) => entries.put(all.map((entry) => toStore(list, entry))))
      list.put(all, this.#nowMs())
      return { added: textsOf(added), changed: textsOf(changed), removed: [], unchanged: unchanged.length }
    })
  }

  /** From now on the list has these entries and no others, at once. Throws StoreError with nothing changed. */
  async replace(action: ListAction, name: string, asked: readonly AskedEntry[], by: string): Promise<KeptChange> {
    return await this.#change(action, name, async (list) => {
      const { added, changed, unchanged, missing } = list.compare(this.#entriesOf(asked, by))
      if (added.length + changed.length + missing.length > 0) {
        const all = [...unchanged, ...added, ...changed].map((entry) => toStore(list, entry))
        await this.#store(list, (entries) => entries.replace(list.key, all))
      }
      list.remove(missing, this.#nowMs())
      list.put([...added, ...changed], this.#nowMs())
      return { added: textsOf(added), changed: textsOf(changed), removed: missing, unchanged: unchanged.length }
    })
  }

  /** Takes out what of these is there. Throws StoreError with nothing changed. */
  async remove(action: ListAction, name: string, networks: readonly string[]): Promise<KeptChange> {
    return await this.#change(action, name, async (list) => {
      const removed = [...new Set(networks)].filter((network) => list.has(network))
      if (removed.length > 0) await this.#store(list, (entries) => entries.remove(list.key, removed))
      list.remove(removed, this.#nowMs())
      return { added: [], changed: [], removed, unchanged: list.count }
    })
  }

  /** One at a time: each is compared with what the one before it has left. */
  async #change(
    action: ListAction,
    name: string,
    change: (list: KeptList) => Promise<Omit<KeptChange, 'entries' | 'inForce'>>,
  ): Promise<KeptChange> {
    const { list, done } = await this.#inTurn(async () => {
      const list = this.#forChange(action, name)
      return { list, done: await change(list) }
    })
    const isOther = done.added.length + done.changed.length + done.removed.length > 0
    const inForce = isOther ? await this.#apply() : true
    this.#lookAgain()
    return { ...done, entries: list.count, inForce }
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#lastChange.then(work)
    this.#lastChange = done.catch(() => {})
    return done
  }

  #forChange(action: ListAction, name: string): KeptList {
    if (this.#hasLeft) throw new StoreError('E_STORE_OFF', 'This process ends, and keeps no lists any more. Ask again.')
    if (!this.#isLoaded) {
      throw new StoreError(
        'E_STORE_OFF',
        'What was kept before is not known yet, as the store is off. Try again when it is back.',
      )
    }
    const key = keyOf(action, name)
    const list = this.#lists.get(key) ?? new KeptList(action, name)
    if (!this.#lists.has(key)) {
      for (const [other, { count }] of this.#lists) if (count === 0) this.#lists.delete(other)
      if (this.#lists.size >= KEPT_LISTS_MAX) {
        throw new StoreError(
          'E_STORE_VALUE',
          `There are ${KEPT_LISTS_MAX} lists of operators already, which is all there may be.`,
        )
      }
      this.#lists.set(key, list)
    }
    return list
  }

  /** Whether it was done is not known after some errors: as it was refused, it is undone when the store answers again. */
  async #store(list: KeptList, change: (entries: Store['listEntries']) => Promise<unknown>): Promise<void> {
    try {
      await change(this.#stored)
    } catch (error) {
      if (error instanceof StoreError && (error.code === 'E_STORE_LATE' || error.code === 'E_STORE_OFF')) {
        this.#unsure.add(list.key)
        this.#lookAgain()
      }
      throw error
    }
  }

  async #makeSure(): Promise<void> {
    for (const key of this.#unsure) {
      const list = this.#lists.get(key)
      const entries = list === undefined ? [] : list.all().map((entry) => toStore(list, entry))
      await this.#stored.replace(key, entries)
      this.#unsure.delete(key)
    }
  }

  #apply(): Promise<boolean> {
    if (this.#waiting !== undefined) return this.#waiting
    this.#waiting = this.#lastApplied.then(() => {
      this.#waiting = undefined
      return this.#applyAll()
    })
    this.#lastApplied = this.#waiting.catch(() => {})
    return this.#waiting
  }

  #entriesOf(asked: readonly AskedEntry[], by: string): KeptEntry[] {
    const sinceMs = Math.floor(this.#nowMs())
    return asked.map(({ network, comment, ttlMs }) => {
      const untilMs = ttlMs === Infinity ? Infinity : sinceMs + ttlMs
      return { network, text: formatNetwork(network), comment, untilMs, sinceMs, by }
    })
  }

  #restore({ list: key, network: text, comment, untilMs, by, sinceMs }: StoredEntry): void {
    const [action, name] = key.split('/')
    const network = parseNetwork(text)
    if (network === undefined || name === undefined || (action !== 'allow' && action !== 'deny')) return
    if (untilMs !== null && untilMs <= this.#nowMs()) return
    const list = this.#lists.get(key) ?? new KeptList(action, name)
    this.#lists.set(key, list)
    list.put([{ network, text, comment, untilMs: untilMs ?? Infinity, by, sinceMs }], sinceMs)
  }

  #lookAgain(): void {
    clearTimeout(this.#timer)
    if (this.#hasLeft) return
    const untilEndMs = Math.min(...[...this.#lists.values()].map(({ firstEndMs }) => firstEndMs)) - this.#nowMs()
    const waitMs = Math.max(LOOK_AGAIN_MS_MIN, Math.min(LOOK_AGAIN_MS_MAX, untilEndMs))
    const isSettled = this.#isLoaded && this.#unsure.size === 0
    this.#timer = setTimeout(() => void this.#look(), isSettled ? waitMs : Math.min(waitMs, ASK_AGAIN_MS))
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const wasLoaded = this.#isLoaded
    if (!wasLoaded) await this.#inTurn(() => this.#load())
    if (this.#unsure.size > 0) await this.#inTurn(() => this.#makeSure()).catch(() => {})
    const isLate = this.#isLoaded && !wasLoaded
    const nowMs = this.#nowMs()
    let ended = 0
    for (const list of this.#lists.values()) ended += list.expire(nowMs)
    // What the store still has of them is left out by whoever reads it.
    if (ended > 0) await this.#stored.takeExpired(Math.floor(nowMs)).catch(() => {})
    if ((ended > 0 || isLate) && !this.#hasLeft) await this.#apply()
    if (ended > 0) this.#log.say('list-entries-ended', { entries: ended }, `The time of ${ended} list entries is over.`)
    this.#lookAgain()
  }
}

function keyOf(action: ListAction, name: string): string {
  return `${action}/${name}`
}

function textsOf(entries: readonly KeptEntry[]): string[] {
  return entries.map(({ text }) => text)
}

function toStore({ key: list }: KeptList, { text: network, comment, untilMs, by, sinceMs }: KeptEntry): StoredEntry {
  return { list, network, comment, untilMs: untilMs === Infinity ? null : untilMs, by, sinceMs }
}
