/** A tree of single bits as one whose steps are 16 of them, the form in which workers ask it (network-database.ts). */
import { MmdbError } from '../../lib/mmdb/mmdb-data.ts'
import { LEAF, RANGE_INTS, ROOTS, STEP_BITS } from '../../traffic/admit/network-database.ts'
import type { Pacer } from '../lists/pacer.ts'

/**
 * A tree in which each node is named once is gone through once, and makes fewer numbers than this. Parts that are named
 * several times (IPv4 in 2002::/16) begin at a step, and are gone through once all the same; in a file in which they begin
 * elsewhere it is once for each name, which neither time nor memory has room for.
 */
const VISITS_PER_SIDE_MAX = 16
const VISITS_FREE = 8 * ROOTS
const INTS_PER_SIDE_MAX = 4
const INTS_FREE = 4 * ROOTS
const NAMED_AGAIN = 'is damaged: its tree names the same nodes again and again'

/** From so many on a node has an index: they are in too many lines of the cache to be looked for in them. */
export const RANGES_INDEXED_MIN = 64
const RANGES_PER_INDEX = 2

export class FoldedTree {
  readonly #sides: Int32Array
  readonly #values: readonly number[]
  #visitsLeft: number
  readonly #intsMax: number
  /** As network-database.ts has them, but that a range leads to the number of a node and not yet to where it begins. */
  #nodes = new Int32Array(INTS_FREE)
  #length = 0
  /** Nodes of single bits at which a step begins, in the order of their numbers, and where the node made of each begins. */
  readonly #steps: number[] = []
  readonly #begins: number[] = []
  /** For each node of single bits 1 + its number; 0 where no step begins. */
  readonly #numbers: Int32Array
  /** Of the node that is being made. */
  #ranges: number[] = []

  /** `sides` are two for each node: the next node, or below 0 a leaf, ~place in `values`. No node leads to itself. */
  constructor(sides: Int32Array, values: readonly number[]) {
    this.#sides = sides
    this.#values = values
    this.#visitsLeft = VISITS_FREE + sides.length * VISITS_PER_SIDE_MAX
    this.#intsMax = INTS_FREE + sides.length * INTS_PER_SIDE_MAX
    this.#numbers = new Int32Array(sides.length / 2)
  }

  get nodes(): Int32Array {
    return this.#nodes.subarray(0, this.#length)
  }

  /** Where the first 16 bits of an address lead. To be called before `fold`. */
  fillRoots(roots: Int32Array, root: number): void {
    this.#fill(roots, root, STEP_BITS, 0)
  }

  #fill(roots: Int32Array, place: number, bitsLeft: number, start: number): void {
    if (place < 0 || bitsLeft === 0) {
      roots.fill(this.#placeOf(place), start, start + (1 << bitsLeft))
      return
    }
    this.#fill(roots, this.#sides[place * 2], bitsLeft - 1, start)
    this.#fill(roots, this.#sides[place * 2 + 1], bitsLeft - 1, start + (1 << (bitsLeft - 1)))
  }

  /** After the roots, which then lead to where nodes begin, too. */
  async fold(pacer: Pacer, roots: readonly Int32Array[]): Promise<void> {
    for (let i = 0; i < this.#steps.length; i++) {
      const visitsLeft = this.#visitsLeft
      this.#ranges = []
      this.#addRanges(this.#steps[i], STEP_BITS, 0)
      this.#begins.push(this.#length)
      this.#addNode()
      if (pacer.isTired(visitsLeft - this.#visitsLeft)) await pacer.rest()
    }
    for (const begin of this.#begins) if (pacer.isTired(this.#leadToBegins(begin))) await pacer.rest()
    for (const all of roots) for (let i = 0; i < ROOTS; i++) if (all[i] >= 0) all[i] = this.#begins[all[i]]
  }

  #push(int: number): void {
    if (this.#length === this.#nodes.length) {
      const nodes = new Int32Array(this.#nodes.length * 2)
      nodes.set(this.#nodes)
      this.#nodes = nodes
    }
    this.#nodes[this.#length++] = int
  }

  #addNode(): void {
    const ranges = this.#ranges
    const count = ranges.length / RANGE_INTS
    if (this.#length + ranges.length > this.#intsMax) throw new MmdbError(NAMED_AGAIN)
    if (count < RANGES_INDEXED_MIN) this.#push(count)
    else this.#addIndex(ranges, count)
    for (const int of ranges) this.#push(int)
  }

  #addIndex(ranges: readonly number[], count: number): void {
    const indexBits = Math.floor(Math.log2(count / RANGES_PER_INDEX))
    this.#push(~indexBits)
    for (let i = 0, last = 0; i < 1 << indexBits; i++) {
      const begin = i << (STEP_BITS - indexBits)
      while (last + 1 < count && (ranges[(last + 1) * RANGE_INTS] & ~LEAF) <= begin) last++
      this.#push(last)
    }
    this.#push(count - 1)
  }

  /** Answers how many ranges the node has. */
  #leadToBegins(node: number): number {
    const nodes = this.#nodes
    const marked = nodes[node]
    const rangesAt = marked < 0 ? node + 2 + (1 << ~marked) : node + 1
    const count = marked < 0 ? nodes[rangesAt - 1] + 1 : marked
    for (let range = rangesAt; range < rangesAt + count * RANGE_INTS; range += RANGE_INTS) {
      if ((nodes[range] & LEAF) === 0) nodes[range + 1] = this.#begins[nodes[range + 1]]
    }
    return count
  }

  /** A leaf as it is; of a node its number. */
  #placeOf(place: number): number {
    if (place < 0) return place
    if (this.#numbers[place] === 0) this.#numbers[place] = this.#steps.push(place)
    return this.#numbers[place] - 1
  }

  /** Of the last node, for what is below `place`; neighbours that lead to the same are one. */
  #addRanges(place: number, bitsLeft: number, start: number): void {
    if (this.#visitsLeft-- === 0) throw new MmdbError(NAMED_AGAIN)
    if (place >= 0 && bitsLeft > 0) {
      this.#addRanges(this.#sides[place * 2], bitsLeft - 1, start)
      this.#addRanges(this.#sides[place * 2 + 1], bitsLeft - 1, start + (1 << (bitsLeft - 1)))
      return
    }
    const leadsTo = place < 0 ? this.#values[~place] : this.#placeOf(place)
    const ranges = this.#ranges
    const isLeaf = place < 0
    const wasLeaf = (ranges[ranges.length - RANGE_INTS] & LEAF) !== 0
    if (start > 0 && isLeaf === wasLeaf && ranges[ranges.length - 1] === leadsTo) return
    ranges.push(isLeaf ? start | LEAF : start, leadsTo)
  }
}
