/**
 * Deadlines without a timer object each: a ring of buckets, one for each tick, with the entries linked through themselves.
 * An entry that is due later than the ring is long comes up early; its owner looks at the real deadline and schedules it again.
 */

/** What an entry brings along, so that scheduling allocates nothing. */
export interface WheelEntry<Entry> {
  wheelNext: Entry | null
  wheelPrevious: Entry | null
  /** The bucket it is in; NOT_SCHEDULED when in none. */
  wheelBucket: number
}

export const NOT_SCHEDULED = -1

/** Milliseconds a tick: deadlines are kept to this accuracy, always late, never early. */
export const TICK_MS = 64
/** A power of two; the ring is BUCKETS x TICK_MS = 65 s long. */
const BUCKETS = 1024

export class TimingWheel<Entry extends WheelEntry<Entry>> {
  readonly #buckets: (Entry | null)[] = Array.from({ length: BUCKETS }, () => null)
  readonly #startMs: number
  #tick = 0
  #scheduled = 0
  /** No bucket between `#tick` and this one has an entry. */
  #firstTick = 0

  constructor(nowMs: number) {
    this.#startMs = nowMs
  }

  /** Brings the entry up at `atMs`, or earlier where that is beyond the ring. An entry is scheduled once: again moves it. */
  schedule(entry: Entry, atMs: number): void {
    if (entry.wheelBucket !== NOT_SCHEDULED) this.cancel(entry)
    const wanted = Math.ceil((atMs - this.#startMs) / TICK_MS)
    const tick = Math.min(Math.max(wanted, this.#tick + 1), this.#tick + BUCKETS - 1)
    const bucket = tick & (BUCKETS - 1)
    const head = this.#buckets[bucket]
    entry.wheelBucket = bucket
    entry.wheelNext = head
    entry.wheelPrevious = null
    if (head !== null) head.wheelPrevious = entry
    this.#buckets[bucket] = entry
    this.#scheduled++
    if (tick < this.#firstTick) this.#firstTick = tick
  }

  cancel(entry: Entry): void {
    if (entry.wheelBucket === NOT_SCHEDULED) return
    if (entry.wheelPrevious === null) this.#buckets[entry.wheelBucket] = entry.wheelNext
    else entry.wheelPrevious.wheelNext = entry.wheelNext
    if (entry.wheelNext !== null) entry.wheelNext.wheelPrevious = entry.wheelPrevious
    entry.wheelNext = null
    entry.wheelPrevious = null
    entry.wheelBucket = NOT_SCHEDULED
    this.#scheduled--
  }

  /** Hands every entry whose tick has come to `due`, which may schedule and cancel at will. */
  advance(nowMs: number, due: (entry: Entry) => void): void {
    const last = Math.floor((nowMs - this.#startMs) / TICK_MS)
    // After a long stop (SIGSTOP, a suspended machine) one turn of the ring has seen every entry.
    if (last - this.#tick > BUCKETS) this.#tick = last - BUCKETS
    while (this.#tick < last) {
      this.#tick++
      const bucket = this.#tick & (BUCKETS - 1)
      // An entry rescheduled by `due` lands in a later bucket, so this bucket only shrinks.
      for (let entry = this.#buckets[bucket]; entry !== null; entry = this.#buckets[bucket]) {
        this.cancel(entry)
        due(entry)
      }
    }
  }

  /** Milliseconds until the first scheduled tick, at least 1; -1 when nothing is scheduled. */
  untilNextMs(nowMs: number): number {
    if (this.#scheduled === 0) return -1
    let tick = Math.max(this.#tick + 1, this.#firstTick)
    while (this.#buckets[tick & (BUCKETS - 1)] === null) tick++
    this.#firstTick = tick
    return Math.max(1, Math.ceil(this.#startMs + tick * TICK_MS - nowMs))
  }
}
