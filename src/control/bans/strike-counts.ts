/**
 * Who misbehaved how much lately: points by source, in memory for a fixed number of sources. When they are all taken,
 * who was struck longest ago is forgotten, so that a wide attack makes bans rarer and never makes memory grow.
 */
import { AgeLinks, AgeList } from '../../lib/age-list.ts'
import type { SourceKey } from './source.ts'

/** About 200 bytes each. */
export const TRACKED_SOURCES_MAX = 65_536
/** Time is counted in quarters of the window: points count for at least three of them, and for four at most. */
const QUARTERS = 4

class Counted extends AgeLinks {
  readonly source: SourceKey
  /** The latest quarter that has points. */
  quarter: number
  readonly pointsByQuarter: [number, number, number, number] = [0, 0, 0, 0]

  constructor(source: SourceKey, quarter: number) {
    super()
    this.source = source
    this.quarter = quarter
  }
}

export class StrikeCounts {
  readonly #max: number
  readonly #bySource = new Map<SourceKey, Counted>()
  /** Struck longest ago first. */
  readonly #ages = new AgeList<Counted>()
  /** Sources that were forgotten to make room. */
  displaced = 0

  constructor(max = TRACKED_SOURCES_MAX) {
    this.#max = max
  }

  get size(): number {
    return this.#bySource.size
  }

  /** Adds the points; returns all of the source's that count now. `withinMs` stays the same, or `clear` is called. */
  add(source: SourceKey, points: number, withinMs: number, nowMs: number): number {
    const quarter = Math.floor(nowMs / (withinMs / QUARTERS))
    const counted = this.#take(source, quarter)
    const { pointsByQuarter } = counted
    const passed = Math.min(QUARTERS, quarter - counted.quarter)
    for (let i = 1; i <= passed; i++) pointsByQuarter[(counted.quarter + i) % QUARTERS] = 0
    // All of them are old, wherever the last one was.
    if (passed === QUARTERS) pointsByQuarter.fill(0)
    counted.quarter = Math.max(counted.quarter, quarter)
    pointsByQuarter[counted.quarter % QUARTERS] += points
    return pointsByQuarter[0] + pointsByQuarter[1] + pointsByQuarter[2] + pointsByQuarter[3]
  }

  #take(source: SourceKey, quarter: number): Counted {
    const known = this.#bySource.get(source)
    const counted = known ?? new Counted(source, quarter)
    if (known !== undefined) this.#ages.remove(known)
    else {
      this.#makeRoom()
      this.#bySource.set(source, counted)
    }
    this.#ages.append(counted)
    return counted
  }

  #makeRoom(): void {
    const { oldest } = this.#ages
    if (oldest === undefined || this.#bySource.size < this.#max) return
    this.forget(oldest.source)
    this.displaced++
  }

  /** It starts from nothing again. */
  forget(source: SourceKey): void {
    const counted = this.#bySource.get(source)
    if (counted === undefined) return
    this.#bySource.delete(source)
    this.#ages.remove(counted)
  }

  clear(): void {
    this.#bySource.clear()
    this.#ages.clear()
  }
}
