/** One list that operators keep: its entries in memory, and the same as workers' tables are made of them. */
import type { Network } from '../../lib/ip.ts'
import type { ListAction } from './list-tables.ts'
import { ListEntries } from './list-entries.ts'
import type { List } from './lists.ts'

export interface KeptEntry {
  readonly network: Network
  /** As `formatNetwork` writes it. */
  readonly text: string
  readonly comment: string
  readonly sinceMs: number
  /** Infinity is for good. */
  readonly untilMs: number
  readonly by: string
}

export interface Comparison {
  readonly added: readonly KeptEntry[]
  /** With another comment or end. */
  readonly changed: readonly KeptEntry[]
  /** As they were put. */
  readonly unchanged: readonly KeptEntry[]
  /** Those that are there and were not named. */
  readonly missing: readonly string[]
}

export interface KeptPageQuery {
  readonly limit: number
  /** The network that the page before ended with. */
  readonly after?: string | undefined
  /** A part of network, comment or who. */
  readonly search?: string | undefined
}

export class KeptList {
  readonly action: ListAction
  readonly name: string
  readonly #entries = new Map<string, KeptEntry>()
  #changedAtMs = 0
  #firstEndMs = Infinity
  /** Made when they are asked for. */
  #sorted: readonly KeptEntry[] | undefined
  #compiled: List | undefined

  constructor(action: ListAction, name: string) {
    this.action = action
    this.name = name
  }

  /** `deny/scanners` */
  get key(): string {
    return `${this.action}/${this.name}`
  }

  get count(): number {
    return this.#entries.size
  }

  /** When the first entry ends, or earlier. */
  get firstEndMs(): number {
    return this.#firstEndMs
  }

  has(text: string): boolean {
    return this.#entries.has(text)
  }

  /** Of a network that is named twice, the last counts. */
  compare(asked: readonly KeptEntry[]): Comparison {
    const added: KeptEntry[] = []
    const changed: KeptEntry[] = []
    const unchanged: KeptEntry[] = []
    const named = new Map(asked.map((entry) => [entry.text, entry]))
    for (const entry of named.values()) {
      const known = this.#entries.get(entry.text)
      if (known === undefined) added.push(entry)
      else if (known.comment === entry.comment && known.untilMs === entry.untilMs) unchanged.push(known)
      else changed.push(entry)
    }
    return { added, changed, unchanged, missing: [...this.#entries.keys()].filter((text) => !named.has(text)) }
  }

  put(entries: readonly KeptEntry[], nowMs: number): void {
    for (const entry of entries) {
      this.#entries.set(entry.text, entry)
      this.#firstEndMs = Math.min(this.#firstEndMs, entry.untilMs)
    }
    if (entries.length > 0) this.#noteChange(nowMs)
  }

  remove(texts: readonly string[], nowMs: number): void {
    for (const text of texts) this.#entries.delete(text)
    if (texts.length > 0) this.#noteChange(nowMs)
  }

  /** Takes out those whose time is over, and says how many. */
  expire(nowMs: number): number {
    if (this.#firstEndMs > nowMs) return 0
    const before = this.#entries.size
    this.#firstEndMs = Infinity
    for (const { text, untilMs } of this.#entries.values()) {
      if (untilMs <= nowMs) this.#entries.delete(text)
      else this.#firstEndMs = Math.min(this.#firstEndMs, untilMs)
    }
    if (this.#entries.size < before) this.#noteChange(nowMs)
    return before - this.#entries.size
  }

  all(): readonly KeptEntry[] {
    return [...this.#entries.values()]
  }

  /** By network as text. */
  page({ limit, after = '', search = '' }: KeptPageQuery): { entries: readonly KeptEntry[]; hasMore: boolean } {
    this.#sorted ??= [...this.#entries.values()].sort((a, b) => (a.text < b.text ? -1 : 1))
    const wanted = search.toLowerCase()
    const entries: KeptEntry[] = []
    for (const entry of this.#sorted) {
      if (entry.text <= after || !isFound(entry, wanted)) continue
      if (entries.length === limit) return { entries, hasMore: true }
      entries.push(entry)
    }
    return { entries, hasMore: false }
  }

  compiled(): List {
    if (this.#compiled !== undefined) return this.#compiled
    const entries = new ListEntries()
    let line = 0
    for (const { network, comment } of this.#entries.values()) entries.push(network, ++line, comment)
    const { action, name: kept } = this
    this.#compiled = {
      name: `kept/${kept}`,
      kept,
      action,
      file: 'kept by operators',
      noted: undefined,
      entries,
      badLines: [],
      badLineCount: 0,
      readAtMs: this.#changedAtMs,
      problem: undefined,
    }
    return this.#compiled
  }

  #noteChange(nowMs: number): void {
    this.#changedAtMs = Math.max(this.#changedAtMs, nowMs)
    this.#sorted = undefined
    this.#compiled = undefined
  }
}

function isFound({ text, comment, by }: KeptEntry, wanted: string): boolean {
  return wanted === '' || text.includes(wanted) || `${comment}\n${by}`.toLowerCase().includes(wanted)
}
