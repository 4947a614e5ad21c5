/**
 * One tree of two: that of countries and that of ASes, so that workers look an address up once. Where the ranges of the two
 * overlap, both are known of the common part.
 */
import { LEAF, LEAF_INTS, NetworkDatabase, ROOTS, STEP_BITS } from '../../traffic/admit/network-database.ts'
import { Pacer } from '../lists/pacer.ts'
import { databaseMemory } from './database-memory.ts'
import { Leaves, wordsAt } from './leaves.ts'
import { INTS_FREE, NodeWriter, rangesOf } from './node-writer.ts'
import { PairNumbers } from './pair-numbers.ts'

/** Of both trees together. The parts of a tree that are named several times meet the same part of the other one each time. */
const INTS_PER_INT_MAX = 4

/** The first of them knows countries, the other ASes. Throws MmdbError. */
export async function joinDatabases(countries: SharedArrayBuffer, asns: SharedArrayBuffer): Promise<SharedArrayBuffer> {
  return await new Join(new NetworkDatabase(countries), new NetworkDatabase(asns)).run()
}

/** A part of a tree is a node, by its place, or, below 0, a leaf, by its place among all of this join. */
class Join {
  readonly #left: PartOfTree
  readonly #right: PartOfTree
  readonly #writer: NodeWriter
  readonly #leaves = new Leaves()
  /** Those that roots lead to: all that a database has to keep. */
  readonly #rootLeaves = new Leaves()
  /** Of a part of the left tree and one of the right, of which one at least is a node. */
  readonly #pairs = new PairNumbers()

  constructor(left: NetworkDatabase, right: NetworkDatabase) {
    this.#left = new PartOfTree(left, this.#leaves)
    this.#right = new PartOfTree(right, this.#leaves)
    this.#writer = new NodeWriter(INTS_FREE + (left.nodes.length + right.nodes.length) * INTS_PER_INT_MAX)
  }

  async run(): Promise<SharedArrayBuffer> {
    const pacer = new Pacer()
    const [ipv4Roots, ipv6Roots] = [this.#roots('ipv4Roots'), this.#roots('ipv6Roots')]
    for (let number = 0; number < this.#pairs.count; number++) {
      const ranges = this.#addRanges(this.#pairs.left(number), this.#pairs.right(number))
      this.#writer.endNode()
      if (pacer.isTired(ranges)) await pacer.rest()
    }
    await this.#writer.leadToNodes(pacer, [ipv4Roots, ipv6Roots])
    return databaseMemory({ ipv4Roots, ipv6Roots, leaves: this.#rootLeaves.words, nodes: this.#writer.nodes })
  }

  #roots(which: 'ipv4Roots' | 'ipv6Roots'): Int32Array {
    const roots = new Int32Array(ROOTS)
    const { words } = this.#leaves
    for (let i = 0; i < ROOTS; i++) {
      const joined = this.#joined(this.#left.ofRoot(which, i), this.#right.ofRoot(which, i))
      const at = wordsAt(joined)
      roots[i] = joined >= 0 ? joined : this.#rootLeaves.placeOfWords(words[at], words[at + 1])
    }
    return roots
  }

  /** Of two leaves the place of the one that says both; otherwise the number of the pair. */
  #joined(left: number, right: number): number {
    if (left >= 0 || right >= 0) return this.#pairs.numberOf(left, right)
    const { words } = this.#leaves
    const [atLeft, atRight] = [wordsAt(left), wordsAt(right)]
    return this.#leaves.placeOfWords(words[atLeft] | words[atRight], words[atLeft + 1] | words[atRight + 1])
  }

  /** For the node of a pair; answers how many there were. */
  #addRanges(leftPart: number, rightPart: number): number {
    const [left, right, words] = [this.#left, this.#right, this.#leaves.words]
    left.begin(leftPart)
    right.begin(rightPart)
    for (let ranges = 1, start = 0; ; ranges++) {
      const joined = this.#joined(left.part, right.part)
      const at = wordsAt(joined)
      if (joined >= 0) this.#writer.addRange(start, 0, joined)
      else this.#writer.addRange(start, words[at], words[at + 1])
      start = Math.min(left.end, right.end)
      if (start === END) return ranges
      if (left.end === start) left.next()
      if (right.end === start) right.next()
    }
  }
}

const END = 1 << STEP_BITS

/** Goes through the ranges of a node, or of a leaf as if it were one: that says the same of all below it. */
class PartOfTree {
  readonly #database: NetworkDatabase
  readonly #leaves: Leaves
  #range = 0
  #rangesEnd = 0
  /** Where the range that we are at leads. */
  part = 0
  /** Where the next range begins. */
  end = END

  constructor(database: NetworkDatabase, leaves: Leaves) {
    this.#database = database
    this.#leaves = leaves
  }

  ofRoot(which: 'ipv4Roots' | 'ipv6Roots', i: number): number {
    const { leaves, [which]: roots } = this.#database
    const at = wordsAt(roots[i])
    return roots[i] >= 0 ? roots[i] : this.#leaves.placeOfWords(leaves[at], leaves[at + 1])
  }

  begin(part: number): void {
    this.part = part
    this.end = END
    if (part < 0) return
    const { first, end } = rangesOf(this.#database.nodes, part)
    this.#range = first - LEAF_INTS
    this.#rangesEnd = end
    this.next()
  }

  next(): void {
    const { nodes } = this.#database
    const range = (this.#range += LEAF_INTS)
    const isLeaf = (nodes[range] & LEAF) !== 0
    this.part = isLeaf ? this.#leaves.placeOfWords(nodes[range] & ~0xffff, nodes[range + 1]) : nodes[range + 1]
    const next = range + LEAF_INTS
    this.end = next < this.#rangesEnd ? nodes[next] & 0xffff : END
  }
}
