/** A tree of single bits as one whose steps are 16 of them, the form in which workers ask it (network-database.ts). */
import { MmdbError } from '../../lib/mmdb/mmdb-data.ts'
import { ROOTS, STEP_BITS } from '../../traffic/admit/network-database.ts'
import type { Pacer } from '../lists/pacer.ts'
import { wordsAt } from './leaves.ts'
import { INTS_FREE, NAMED_AGAIN, NodeWriter } from './node-writer.ts'

/**
 * A tree in which each node is named once is gone through once, and makes fewer numbers than this. Parts that are named
 * several times (IPv4 in 2002::/16) begin at a step, and are gone through once all the same; in a file in which they begin
 * elsewhere it is once for each name, which neither time nor memory has room for.
 */
const VISITS_PER_SIDE_MAX = 16
const VISITS_FREE = 8 * ROOTS
const INTS_PER_SIDE_MAX = 4

export class FoldedTree {
  readonly #sides: Int32Array
  readonly #words: readonly number[]
  readonly #writer: NodeWriter
  #visitsLeft: number
  /** Nodes of single bits at which a step begins, in the order of their numbers. */
  readonly #steps: number[] = []
  /** For each node of single bits 1 + its number; 0 where no step begins. */
  readonly #numbers: Int32Array

  /** `sides` are two for each node: the next node, or below 0 the place of a leaf. No node leads to itself. */
  constructor(sides: Int32Array, words: readonly number[]) {
    this.#sides = sides
    this.#words = words
    this.#visitsLeft = VISITS_FREE + sides.length * VISITS_PER_SIDE_MAX
    this.#writer = new NodeWriter(INTS_FREE + sides.length * INTS_PER_SIDE_MAX)
    this.#numbers = new Int32Array(sides.length / 2)
  }

  get nodes(): Int32Array {
    return this.#writer.nodes
  }

  /** Where the first 16 bits of an address lead. To be called before `fold`. */
  fillRoots(roots: Int32Array, root: number): void {
    this.#fill(roots, root, STEP_BITS, 0)
  }

  #fill(roots: Int32Array, place: number, bitsLeft: number, start: number): void {
    if (place < 0 || bitsLeft === 0) {
      roots.fill(place < 0 ? place : this.#numberOf(place), start, start + (1 << bitsLeft))
      return
    }
    this.#fill(roots, this.#sides[place * 2], bitsLeft - 1, start)
    this.#fill(roots, this.#sides[place * 2 + 1], bitsLeft - 1, start + (1 << (bitsLeft - 1)))
  }

  /** After the roots, which then lead to where nodes begin, too. */
  async fold(pacer: Pacer, allRoots: readonly Int32Array[]): Promise<void> {
    for (let i = 0; i < this.#steps.length; i++) {
      const visitsLeft = this.#visitsLeft
      this.#addRanges(this.#steps[i], STEP_BITS, 0)
      this.#writer.endNode()
      if (pacer.isTired(visitsLeft - this.#visitsLeft)) await pacer.rest()
    }
    await this.#writer.leadToNodes(pacer, allRoots)
  }

  #numberOf(node: number): number {
    if (this.#numbers[node] === 0) this.#numbers[node] = this.#steps.push(node)
    return this.#numbers[node] - 1
  }

  /** For what is below `place`. */
  #addRanges(place: number, bitsLeft: number, start: number): void {
    if (this.#visitsLeft-- === 0) throw new MmdbError(NAMED_AGAIN)
    if (place < 0) {
      const at = wordsAt(place)
      this.#writer.addRange(start, this.#words[at], this.#words[at + 1])
    } else if (bitsLeft === 0) this.#writer.addRange(start, 0, this.#numberOf(place))
    else {
      this.#addRanges(this.#sides[place * 2], bitsLeft - 1, start)
      this.#addRanges(this.#sides[place * 2 + 1], bitsLeft - 1, start + (1 << (bitsLeft - 1)))
    }
  }
}
