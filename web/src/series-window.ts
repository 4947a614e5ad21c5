/**
 * A span of statistics that moves with the clock: what is asked for is only what is new, what is too old is let go. It
 * never holds more than its span has steps, however long it is looked at.
 */
import type { SeriesAnswer } from '../../src/api/contract.ts'

export interface Span {
  /** In the address and for people: `1 h`. */
  readonly name: string
  readonly title: string
  readonly spanMs: number
  readonly stepMs: number
  /** How often the newest is asked for. */
  readonly everyMs: number
}

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

export const SPANS: readonly Span[] = [
  { name: '5 min', title: 'Last 5 minutes', spanMs: 5 * MINUTE_MS, stepMs: SECOND_MS, everyMs: 2 * SECOND_MS },
  { name: '1 h', title: 'Last hour', spanMs: HOUR_MS, stepMs: 10 * SECOND_MS, everyMs: 5 * SECOND_MS },
  { name: '24 h', title: 'Last 24 hours', spanMs: DAY_MS, stepMs: 5 * MINUTE_MS, everyMs: MINUTE_MS },
  { name: '7 d', title: 'Last 7 days', spanMs: 7 * DAY_MS, stepMs: 30 * MINUTE_MS, everyMs: 5 * MINUTE_MS },
  { name: '30 d', title: 'Last 30 days', spanMs: 30 * DAY_MS, stepMs: 2 * HOUR_MS, everyMs: 10 * MINUTE_MS },
]

export type Column = readonly (number | null)[]

export interface WindowData {
  /** When each step begins, in seconds. */
  readonly times: readonly number[]
  readonly columns: Readonly<Record<string, Column>>
}

export class SeriesWindow {
  readonly span: Span
  readonly fields: readonly string[]
  #stepMs: number
  #times: readonly number[] = []
  #columns: Record<string, Column> = {}
  /** By the clock of the browser, which may be off: only how much of it has gone by counts. */
  #takenMs = 0

  constructor(span: Span, fields: readonly string[]) {
    this.span = span
    this.fields = fields
    this.#stepMs = span.stepMs
  }

  get data(): WindowData {
    return { times: this.#times, columns: this.#columns }
  }

  /** Where the next question begins, as the API takes it: how long ago, or where we are. The last step may not have been over. */
  from(nowMs: number): string {
    const last = this.#times.at(-1)
    if (last !== undefined && Math.abs(nowMs - this.#takenMs) < this.span.spanMs) {
      return new Date(last * 1000 - this.#stepMs).toISOString()
    }
    // One step less than the span: the oldest second of it may be gone already.
    return `${(this.span.spanMs - this.span.stepMs) / 1000}s`
  }

  take(answer: SeriesAnswer, nowMs: number): void {
    this.#takenMs = nowMs
    const from = Date.parse(answer.from) / 1000
    const step = answer.stepMs / 1000
    const length = answer.series[0]?.mean.length ?? 0
    // The daemon keeps what is older less finely: then all of it is asked for as that is.
    if (answer.stepMs !== this.#stepMs) this.#startOver(answer.stepMs)
    const kept = this.#keptBefore(from, from + length * step)
    const fresh = Array.from({ length }, (_, i) => from + i * step)
    const times = [...this.#times.slice(kept.first, kept.end), ...fresh]
    const columns: Record<string, Column> = {}
    for (const { field, mean } of answer.series) {
      columns[field] = [...(this.#columns[field] ?? []).slice(kept.first, kept.end), ...mean]
    }
    this.#times = times
    this.#columns = columns
  }

  #startOver(stepMs: number): void {
    this.#stepMs = stepMs
    this.#times = []
    this.#columns = {}
  }

  /** Steps that stay: neither in the answer nor older than the span before its end. Without a join nothing stays. */
  #keptBefore(from: number, to: number): { readonly first: number; readonly end: number } {
    const step = this.#stepMs / 1000
    const last = this.#times.at(-1)
    if (last === undefined || last + step < from || this.#times[0] >= to) return { first: 0, end: 0 }
    const oldest = to - this.span.spanMs / 1000
    const first = this.#times.findIndex((time) => time >= oldest)
    const end = this.#times.findIndex((time) => time >= from)
    const until = end === -1 ? this.#times.length : end
    return { first: first === -1 ? until : Math.min(first, until), end: until }
  }
}
