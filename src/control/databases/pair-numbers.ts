/**
 * Numbers pairs of int32 in the order in which they are first asked for. In typed arrays, as hundreds of thousands come
 * within a second: as texts in a Map they would leave some hundred MiB to be collected.
 */
const PLACES_MIN = 1024
/** At most one in so many places is in use. */
const PLACES_PER_PAIR = 2

export class PairNumbers {
  /** Two int32 for each number. */
  #pairs = new Int32Array((PLACES_MIN / PLACES_PER_PAIR) * 2)
  /** Open addressing: 1 + a number at the place of its pair's hash, or after it. */
  #places = new Int32Array(PLACES_MIN)
  count = 0

  left(number: number): number {
    return this.#pairs[number * 2]
  }

  right(number: number): number {
    return this.#pairs[number * 2 + 1]
  }

  numberOf(left: number, right: number): number {
    const place = this.#placeOf(left, right)
    if (this.#places[place] !== 0) return this.#places[place] - 1
    if ((this.count + 1) * PLACES_PER_PAIR > this.#places.length) {
      this.#grow()
      return this.numberOf(left, right)
    }
    this.#pairs[this.count * 2] = left
    this.#pairs[this.count * 2 + 1] = right
    this.#places[place] = ++this.count
    return this.count - 1
  }

  #grow(): void {
    const pairs = new Int32Array(this.#pairs.length * 2)
    pairs.set(this.#pairs)
    this.#pairs = pairs
    this.#places = new Int32Array(this.#places.length * 2)
    for (let i = 0; i < this.count; i++) this.#places[this.#placeOf(this.left(i), this.right(i))] = i + 1
  }

  #placeOf(left: number, right: number): number {
    const mask = this.#places.length - 1
    const hash = Math.imul(Math.imul(left, 0x9e37_79b1) ^ (left >>> 15) ^ right, 0x85eb_ca6b)
    let place = (hash ^ (hash >>> 15)) & mask
    for (; this.#places[place] !== 0; place = (place + 1) & mask) {
      const number = this.#places[place] - 1
      if (this.left(number) === left && this.right(number) === right) return place
    }
    return place
  }
}
