/** A tree of single bits as one whose steps are 16 of them, the form in which workers ask it (network-database.ts). */
import { MmdbError } from '../../lib/mmdb/mmdb-data.ts'
import { LEAF, RANGE_INTS, ROOTS, STEP_BITS } from '../../traffic/admit/network-database.ts'
import type { Pacer } from '../lists/pacer.ts'

/**
 * A tree in which each node is named once is gone through once. Parts that are named several times (IPv4 in 2002::/16) begin
 * at a step, and are gone through once all the same; in a file in which they begin elsewhere it is once for each name.
 */
const VISITS_PER_SIDE_MAX = 16
const VISITS_FREE = 8 * ROOTS
/** From so many on a node has an index: they are in too many lines of the cache to be looked for in them. */
export const RANGES_INDEXED_MIN = 64
const RANGES_PER_INDEX = 2

export class FoldedTree {
  /** As network-database.ts has them, but that a range leads to the number of a node and not yet to where it begins. */
  readonly nodes: number[] = []
  readonly #sides: Int32Array
  readonly #values: readonly number[]
  #visitsLeft: number
  /** Nodes of single bits at which a step begins, in the order of their numbers, and where the node made of each begins. */
  readonly #steps: number[] = []
  readonly #begins: number[] = []
  /** Of the node that is being made. */
  #ranges: number[] = []
  readonly #numberByStep = new Map<number, number>()

  /** `sides` are two for each node: the next node, or below 0 a leaf, ~place in `values`. No node leads to itself. */
  constructor(sides: Int32Array, values: readonly number[]) {
    this.#sides = sides
    this.#values = values
    this.#visitsLeft = VISITS_FREE + sides.length * VISITS_PER_SIDE_MAX
  }

  /** Where the first 16 bits of an address lead. To be called before `fold`. */
  fillRoots(roots: Int32Array, root: number): void {
    for (let first = 0; first < ROOTS; first++) {
      let place = root
      for (let bit = STEP_BITS - 1; bit >= 0 && place >= 0; bit--) place = this.#sides[place * 2 + ((first >> bit) & 1)]
      roots[first] = this.#placeOf(place)
    }
  }

  /** After the roots, which then lead to where nodes begin, too. */
  async fold(pacer: Pacer, roots: readonly Int32Array[]): Promise<void> {
    for (let i = 0; i < this.#steps.length; i++) {
      const visitsLeft = this.#visitsLeft
      this.#ranges = []
      this.#addRanges(this.#steps[i], STEP_BITS, 0)
      this.#begins.push(this.nodes.length)
      this.#addNode()
      if (pacer.isTired(visitsLeft - this.#visitsLeft)) await pacer.rest()
    }
    for (const begin of this.#begins) this.#leadToBegins(begin)
    for (const all of roots) for (let i = 0; i < ROOTS; i++) if (all[i] >= 0) all[i] = this.#begins[all[i]]
  }

  #addNode(): void {
    const { nodes } = this
    const ranges = this.#ranges
    const count = ranges.length / RANGE_INTS
    if (count < RANGES_INDEXED_MIN) nodes.push(count)
    else this.#addIndex(ranges, count)
    for (const word of ranges) nodes.push(word)
  }

  #addIndex(ranges: readonly number[], count: number): void {
    const { nodes } = this
    const indexBits = Math.floor(Math.log2(count / RANGES_PER_INDEX))
    nodes.push(~indexBits)
    for (let i = 0, last = 0; i < 1 << indexBits; i++) {
      const begin = i << (STEP_BITS - indexBits)
      while (last + 1 < count && (ranges[(last + 1) * RANGE_INTS] & ~LEAF) <= begin) last++
      nodes.push(last)
    }
    nodes.push(count - 1)
  }

  #leadToBegins(node: number): void {
    const count = this.nodes[node]
    const rangesAt = count < 0 ? node + 2 + (1 << ~count) : node + 1
    const end = rangesAt + (count < 0 ? this.nodes[rangesAt - 1] + 1 : count) * RANGE_INTS
    for (let range = rangesAt; range < end; range += RANGE_INTS) {
      if ((this.nodes[range] & LEAF) === 0) this.nodes[range + 1] = this.#begins[this.nodes[range + 1]]
    }
  }

  /** A leaf as it is; of a node its number. */
  #placeOf(place: number): number {
    if (place < 0) return place
    const known = this.#numberByStep.get(place)
    if (known !== undefined) return known
    this.#steps.push(place)
    this.#numberByStep.set(place, this.#steps.length - 1)
    return this.#steps.length - 1
  }

  /** Of the last node, for what is below `place`; neighbours that lead to the same are one. */
  #addRanges(place: number, bitsLeft: number, start: number): void {
    if (this.#visitsLeft-- === 0) throw new MmdbError('is damaged: its tree names the same nodes again and again')
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
