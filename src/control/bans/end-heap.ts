/** Finds what ends next among many. What was taken away stays in it as chaff, and is passed over. */

interface Place<Entry> {
  readonly entry: Entry
  readonly endMs: number
}

/** Chaff is swept out when there are so many times more places than entries. */
const CHAFF_FACTOR = 2
const PLACES_KEPT = 64

export class EndHeap<Entry> {
  #places: Place<Entry>[] = []
  readonly #isCurrent: (entry: Entry) => boolean

  /** `isCurrent` says whether the entry is still to end. */
  constructor(isCurrent: (entry: Entry) => boolean) {
    this.#isCurrent = isCurrent
  }

  /** `entries`: how many there are that count. */
  add(entry: Entry, endMs: number, entries: number): void {
    if (this.#places.length > PLACES_KEPT + CHAFF_FACTOR * entries) this.#sweep()
    this.#places.push({ entry, endMs })
    this.#rise(this.#places.length - 1)
  }

  get length(): number {
    return this.#places.length
  }

  /** One that has ended by then, the earliest first; undefined when there is none. */
  takeUntil(nowMs: number): Entry | undefined {
    while (this.#places.length > 0 && this.#places[0].endMs <= nowMs) {
      const { entry } = this.#places[0]
      this.#takeFirst()
      if (this.#isCurrent(entry)) return entry
    }
    return undefined
  }

  #sweep(): void {
    this.#places = this.#places.filter(({ entry }) => this.#isCurrent(entry))
    // An ordered array is a heap.
    this.#places.sort((a, b) => a.endMs - b.endMs)
  }

  #takeFirst(): void {
    const last = this.#places.pop()
    if (last === undefined || this.#places.length === 0) return
    this.#places[0] = last
    this.#sink()
  }

  #rise(from: number): void {
    const places = this.#places
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (places[parent].endMs <= places[at].endMs) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #sink(): void {
    const places = this.#places
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      if (left >= places.length) return
      const right = left + 1
      const child = right < places.length && places[right].endMs < places[left].endMs ? right : left
      if (places[at].endMs <= places[child].endMs) return
      this.#swap(at, child)
      at = child
    }
  }

  #swap(a: number, b: number): void {
    const places = this.#places
    const kept = places[a]
    places[a] = places[b]
    places[b] = kept
  }
}
