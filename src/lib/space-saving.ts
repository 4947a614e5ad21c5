/**
 * The things seen most often, in fixed memory: Space-Saving [Metwally et al. 2005]. Who is new takes the place of the
 * rarest, with its count as the error: anything seen more often than 1 / `places` of all is surely among them, and a
 * count is never too low, and too high by no more than its error.
 */
export interface Frequent {
  readonly key: number
  /** What the key stands for, as it was said when it got its place. */
  readonly high: number
  readonly low: number
  /** Seen at least `count - error` times, at most `count` times. */
  readonly count: number
  readonly error: number
  /** How often it was marked since it got its place. */
  readonly marked: number
}

export class SpaceSaving {
  readonly #places: number
  readonly #placeByKey = new Map<number, number>()
  readonly #keys: Float64Array
  readonly #counts: Float64Array
  readonly #errors: Float64Array
  readonly #marks: Float64Array
  readonly #highs: Int32Array
  readonly #lows: Int32Array
  /** A heap of places, the rarest first, and where each place stands in it. */
  readonly #heap: Int32Array
  readonly #at: Int32Array
  #used = 0

  constructor(places: number) {
    this.#places = places
    this.#keys = new Float64Array(places)
    this.#counts = new Float64Array(places)
    this.#errors = new Float64Array(places)
    this.#marks = new Float64Array(places)
    this.#highs = new Int32Array(places)
    this.#lows = new Int32Array(places)
    this.#heap = new Int32Array(places)
    this.#at = new Int32Array(places)
  }

  /** `key` is a whole number that stands for the 64 bits of `high` and `low`. */
  add(key: number, high: number, low: number, isMarked: boolean): void {
    const known = this.#placeByKey.get(key)
    const place = known ?? this.#placeFor(key)
    if (known === undefined) {
      this.#highs[place] = high
      this.#lows[place] = low
    }
    this.#counts[place] += 1
    if (isMarked) this.#marks[place] += 1
    this.#sink(this.#at[place])
  }

  clear(): void {
    this.#placeByKey.clear()
    this.#used = 0
  }

  /** The surest first. */
  top(most: number): Frequent[] {
    return Array.from({ length: this.#used }, (_, place) => ({
      key: this.#keys[place],
      high: this.#highs[place],
      low: this.#lows[place],
      count: this.#counts[place],
      error: this.#errors[place],
      marked: this.#marks[place],
    }))
      .sort((a, b) => b.count - b.error - (a.count - a.error))
      .slice(0, most)
  }

  #placeFor(key: number): number {
    if (this.#used === this.#places) return this.#takeRarest(key)
    const place = this.#used++
    this.#heap[place] = place
    this.#at[place] = place
    this.#counts[place] = 0
    this.#begin(place, key)
    // A count of 0 is the least there can be.
    this.#rise(place)
    return place
  }

  #takeRarest(key: number): number {
    const place = this.#heap[0]
    this.#placeByKey.delete(this.#keys[place])
    this.#begin(place, key)
    return place
  }

  #begin(place: number, key: number): void {
    this.#keys[place] = key
    this.#errors[place] = this.#counts[place]
    this.#marks[place] = 0
    this.#placeByKey.set(key, place)
  }

  #rise(from: number): void {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.#counts[this.#heap[parent]] <= this.#counts[this.#heap[at]]) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #sink(from: number): void {
    let at = from
    for (;;) {
      const left = 2 * at + 1
      if (left >= this.#used) return
      const right = left + 1
      const isRightRarer = right < this.#used && this.#counts[this.#heap[right]] < this.#counts[this.#heap[left]]
      const rarer = isRightRarer ? right : left
      if (this.#counts[this.#heap[at]] <= this.#counts[this.#heap[rarer]]) return
      this.#swap(at, rarer)
      at = rarer
    }
  }

  #swap(a: number, b: number): void {
    const place = this.#heap[a]
    this.#heap[a] = this.#heap[b]
    this.#heap[b] = place
    this.#at[this.#heap[a]] = a
    this.#at[this.#heap[b]] = b
  }
}
