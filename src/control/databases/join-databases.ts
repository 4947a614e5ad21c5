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

/** In a pair, a part of a tree is a node, by its place, or, below 0, a leaf, by its place among those that are in pairs. */
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
    const [left, right] = [this.#left, this.#right]
    return Int32Array.from({ length: ROOTS }, (_, i) => {
      left.beginAtRoot(which, i)
      right.beginAtRoot(which, i)
      if (!areLeaves(left, right)) return this.#pairs.numberOf(left.part(), right.part())
      return this.#rootLeaves.placeOfWords(left.firstWord | right.firstWord, left.secondWord | right.secondWord)
    })
  }

  /** For the node of a pair; answers how many there were. */
  #addRanges(leftPart: number, rightPart: number): number {
    const [left, right] = [this.#left, this.#right]
    left.begin(leftPart)
    right.begin(rightPart)
    for (let ranges = 1, start = 0; ; ranges++) {
      if (areLeaves(left, right)) {
        this.#writer.addRange(start, left.firstWord | right.firstWord, left.secondWord | right.secondWord)
      } else this.#writer.addRange(start, 0, this.#pairs.numberOf(left.part(), right.part()))
      start = Math.min(left.end, right.end)
      if (start === END) return ranges
      if (left.end === start) left.next()
      if (right.end === start) right.next()
    }
  }
}

function areLeaves(left: PartOfTree, right: PartOfTree): boolean {
  return left.firstWord !== 0 && right.firstWord !== 0
}

const END = 1 << STEP_BITS

/** Goes through the ranges of a node, or of a leaf as if it were one: that says the same of all below it. */
class PartOfTree {
  readonly #database: NetworkDatabase
  readonly #leaves: Leaves
  #range = 0
  #rangesEnd = 0
  /** Where the range that we are at leads: the words of a leaf, or 0 and the place of a node. */
  firstWord = 0
  secondWord = 0
  /** Where the next range begins. */
  end = END

  constructor(database: NetworkDatabase, leaves: Leaves) {
    this.#database = database
    this.#leaves = leaves
  }

  beginAtRoot(which: 'ipv4Roots' | 'ipv6Roots', i: number): void {
    const { leaves, [which]: roots } = this.#database
    const at = wordsAt(roots[i])
    this.firstWord = roots[i] < 0 ? leaves[at] : 0
    this.secondWord = roots[i] < 0 ? leaves[at + 1] : roots[i]
  }

  /** As it is in a pair. */
  part(): number {
    return this.firstWord === 0 ? this.secondWord : this.#leaves.placeOfWords(this.firstWord, this.secondWord)
  }

  begin(part: number): void {
    this.end = END
    if (part < 0) {
      this.firstWord = this.#leaves.words[wordsAt(part)]
      this.secondWord = this.#leaves.words[wordsAt(part) + 1]
      return
    }
    const { first, end } = rangesOf(this.#database.nodes, part)
    this.#range = first - LEAF_INTS
    this.#rangesEnd = end
    this.next()
  }

  next(): void {
    const { nodes } = this.#database
    const range = (this.#range += LEAF_INTS)
    this.firstWord = (nodes[range] & LEAF) === 0 ? 0 : nodes[range] & ~0xffff
    this.secondWord = nodes[range + 1]
    const next = range + LEAF_INTS
    this.end = next < this.#rangesEnd ? nodes[next] & 0xffff : END
  }
}
