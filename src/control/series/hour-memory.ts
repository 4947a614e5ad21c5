/**
 * The last hour, second by second, in memory of a fixed size: a ring of 3,600 places, and for each service and field
 * one column of it, made when its first value that is not 0 comes.
 */
import { SERIES_FIELDS } from './series-fields.ts'

export const HOUR_SECONDS = 3_600
/** Services with a series of their own; those beyond are in the node's only. 14.4 KB for each field that was not 0. */
export const SERIES_SERVICES_IN_MEMORY_MAX = 128

export class HourMemory {
  /** Which second each place is of; 0 is none. */
  readonly #secondAt = new Float64Array(HOUR_SECONDS)
  readonly #columns = new Map<string, (Float32Array | undefined)[]>()

  hasSecond(second: number): boolean {
    return this.#secondAt[second % HOUR_SECONDS] === second
  }

  /** Begins a second: what its place had is over. One older than what is there is not taken. */
  begin(second: number): boolean {
    const place = second % HOUR_SECONDS
    if (this.#secondAt[place] >= second) return false
    this.#secondAt[place] = second
    for (const columns of this.#columns.values())
      for (const column of columns) if (column !== undefined) column[place] = 0
    return true
  }

  /** To what the second has; it was begun. */
  add(second: number, service: string, field: number, value: number): void {
    if (value === 0 || !this.hasSecond(second)) return
    const columns = this.#columnsOf(service)
    if (columns === undefined) return
    columns[field] ??= new Float32Array(HOUR_SECONDS)
    columns[field][second % HOUR_SECONDS] += value
  }

  /** Instead of what the second has. */
  set(second: number, service: string, field: number, value: number): void {
    const column = this.#columns.get(service)?.[field]
    if (column !== undefined && this.hasSecond(second)) column[second % HOUR_SECONDS] = 0
    this.add(second, service, field, value)
  }

  #columnsOf(service: string): (Float32Array | undefined)[] | undefined {
    const known = this.#columns.get(service)
    // One more for the node itself.
    if (known !== undefined || this.#columns.size > SERIES_SERVICES_IN_MEMORY_MAX) return known
    const columns = Array.from({ length: SERIES_FIELDS.length }, () => undefined)
    this.#columns.set(service, columns)
    return columns
  }

  get services(): readonly string[] {
    return [...this.#columns.keys()]
  }

  /** 0 for a second that is not there. */
  value(second: number, service: string, field: number): number {
    if (!this.hasSecond(second)) return 0
    return this.#columns.get(service)?.[field]?.[second % HOUR_SECONDS] ?? 0
  }

  /** The column itself, by `second % HOUR_SECONDS`; undefined while all of it is 0. */
  column(service: string, field: number): Float32Array | undefined {
    return this.#columns.get(service)?.[field]
  }

  /** Values of a stored minute, for those of its seconds that `isWanted` names and that were begun for it. */
  fill(minuteS: number, isWanted: readonly boolean[], service: string, field: number, values: Float32Array): void {
    const columns = this.#columnsOf(service)
    if (columns === undefined) return
    const column = (columns[field] ??= new Float32Array(HOUR_SECONDS))
    for (let i = 0; i < values.length; i++) if (isWanted[i]) column[(minuteS + i) % HOUR_SECONDS] = values[i]
  }

  /** The clock was set back: seconds of later would be in the way. */
  clear(): void {
    this.#secondAt.fill(0)
    this.#columns.clear()
  }

  /** Of a service that is gone, once nothing of it is left in the hour. */
  forgetIfEmpty(service: string): void {
    const columns = this.#columns.get(service) ?? []
    if (columns.every((column) => column === undefined || column.every((value) => value === 0)))
      this.#columns.delete(service)
  }
}
