/** Writes the nodes of a tree of networks, one after the other, in the form in which workers ask it (network-database.ts). */
import { LINE_INTS } from '../../lib/cache-line.ts'
import { MmdbError } from '../../lib/mmdb/mmdb-data.ts'
import { INDEX_MASK, LEAF, LEAF_INTS, STEP_BITS } from '../../traffic/admit/network-database.ts'
import type { Pacer } from '../lists/pacer.ts'

/** A tree that is gone through once makes fewer numbers than it has, but for a small one. */
export const INTS_FREE = 0x4_0000
export const NAMED_AGAIN = 'is damaged: its tree names the same nodes again and again'

/** From so many on a node has an index: they are in too many lines of the cache to be looked for in them. */
const RANGES_INDEXED_MIN = 9
const RANGES_PER_INDEX = 2
/** A node begins at a multiple of it. */
const NODE_STEP = INDEX_MASK + 1

export class NodeWriter {
  /** As network-database.ts has them, but that a range leads to the number of a node until `leadToNodes`. */
  #nodes = new Int32Array(INTS_FREE)
  #length = 0
  /** How many more may come. */
  #intsLeft: number
  /** Of each node, in the order in which they were written. */
  readonly #places: number[] = []
  /** Of the node that is being written. */
  #ranges: number[] = []

  /** With more than so many int32, but for those that only fill lines, it throws MmdbError. */
  constructor(intsMax: number) {
    this.#intsLeft = intsMax
  }

  get nodes(): Int32Array {
    return this.#nodes.subarray(0, this.#length)
  }

  /** What begins at the 16 bits `start`: a leaf, or `firstWord` 0 and the number of a node. Neighbours that lead to the same are one. */
  addRange(start: number, firstWord: number, secondWord: number): void {
    const ranges = this.#ranges
    const before = ranges.length - LEAF_INTS
    if (before >= 0 && ranges[before + 1] === secondWord && ((ranges[before] ^ firstWord) & ~0xffff) === 0) return
    ranges.push(start | firstWord, secondWord)
  }

  /** The next ranges are those of the next number. */
  endNode(): void {
    const ranges = this.#ranges
    const count = ranges.length / LEAF_INTS
    const indexBits = count < RANGES_INDEXED_MIN ? 0 : indexBitsFor(count)
    const size = (1 << indexBits) + 1 + ranges.length
    this.#intsLeft -= size
    if (this.#intsLeft < 0) throw new MmdbError(NAMED_AGAIN)
    this.#length = placeFor(this.#length, size)
    this.#places.push(this.#length | (indexBits / 2))
    this.#addIndex(indexBits, count)
    for (const int of ranges) this.#push(int)
    this.#ranges = []
  }

  #addIndex(indexBits: number, count: number): void {
    for (let i = 0, last = 0; i < 1 << indexBits; i++) {
      const start = i << (STEP_BITS - indexBits)
      while (last + 1 < count && (this.#ranges[(last + 1) * LEAF_INTS] & 0xffff) <= start) last++
      this.#push(last)
    }
    this.#push(count - 1)
  }

  #push(int: number): void {
    if (this.#length >= this.#nodes.length) {
      const nodes = new Int32Array(this.#nodes.length * 2)
      nodes.set(this.#nodes)
      this.#nodes = nodes
    }
    this.#nodes[this.#length++] = int
  }

  /** Once, when all are written: ranges and roots that lead to the number of a node then lead to its place. */
  async leadToNodes(pacer: Pacer, allRoots: readonly Int32Array[]): Promise<void> {
    for (const place of this.#places) if (pacer.isTired(this.#leadToNodes(place))) await pacer.rest()
    for (const roots of allRoots) {
      for (const [i, number] of roots.entries()) if (number >= 0) roots[i] = this.#places[number]
    }
  }

  /** Answers how many ranges the node has. */
  #leadToNodes(place: number): number {
    const { first, end } = rangesOf(this.#nodes, place)
    for (let range = first; range < end; range += LEAF_INTS) {
      if ((this.#nodes[range] & LEAF) === 0) this.#nodes[range + 1] = this.#places[this.#nodes[range + 1]]
    }
    return (end - first) / LEAF_INTS
  }
}

/** Half of it has room in a place. */
function indexBitsFor(ranges: number): number {
  return 2 * Math.min(INDEX_MASK, Math.round(Math.log2(ranges / RANGES_PER_INDEX) / 2))
}

/** From `length` on: in no line more of the cache than it must be. */
function placeFor(length: number, size: number): number {
  const place = Math.ceil(length / NODE_STEP) * NODE_STEP
  const isInTooMany = (place % LINE_INTS) + (size % LINE_INTS || LINE_INTS) > LINE_INTS
  return isInTooMany ? Math.ceil(place / LINE_INTS) * LINE_INTS : place
}

/** From where up to where the ranges of the node at this place are. */
export function rangesOf(nodes: Int32Array, place: number): { readonly first: number; readonly end: number } {
  const first = (place & ~INDEX_MASK) + (1 << ((place & INDEX_MASK) * 2)) + 1
  return { first, end: first + (nodes[first - 1] + 1) * LEAF_INTS }
}
