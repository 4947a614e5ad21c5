/**
 * One tree of two: that of countries and that of ASes, so that workers look an address up once. Where the ranges of the two
 * overlap, both are known of the common part.
 */
import { LEAF, LEAF_INTS, NetworkDatabase, ROOTS } from '../../traffic/admit/network-database.ts'
import { Pacer } from '../lists/pacer.ts'
import { databaseMemory } from './database-memory.ts'
import { Leaves, wordsAt } from './leaves.ts'
import { INTS_FREE, NodeWriter, rangesOf } from './node-writer.ts'

/** Of both trees together. The parts of a tree that are named several times meet the same part of the other one each time. */
const INTS_PER_INT_MAX = 4

/** A leaf, or a node with 0 as its first word, in one of the two trees. */
interface Part {
  readonly firstWord: number
  readonly secondWord: number
}

/** The first of them knows countries, the other ASes. Throws MmdbError. */
export async function joinDatabases(countries: SharedArrayBuffer, asns: SharedArrayBuffer): Promise<SharedArrayBuffer> {
  return await new Join(new NetworkDatabase(countries), new NetworkDatabase(asns)).run()
}

class Join {
  readonly #left: NetworkDatabase
  readonly #right: NetworkDatabase
  readonly #writer: NodeWriter
  readonly #leaves = new Leaves()
  /** Pairs of which one at least is a node, in the order of their numbers. */
  readonly #pairs: { readonly left: Part; readonly right: Part }[] = []
  readonly #numberByPair = new Map<string, number>()

  constructor(left: NetworkDatabase, right: NetworkDatabase) {
    this.#left = left
    this.#right = right
    this.#writer = new NodeWriter(INTS_FREE + (left.nodes.length + right.nodes.length) * INTS_PER_INT_MAX)
  }

  async run(): Promise<SharedArrayBuffer> {
    const pacer = new Pacer()
    const ipv4Roots = this.#rootsOf(this.#left.ipv4Roots, this.#right.ipv4Roots)
    const ipv6Roots = this.#rootsOf(this.#left.ipv6Roots, this.#right.ipv6Roots)
    for (let i = 0; i < this.#pairs.length; i++) {
      const ranges = this.#addRanges(this.#pairs[i].left, this.#pairs[i].right)
      this.#writer.endNode()
      if (pacer.isTired(ranges)) await pacer.rest()
    }
    await this.#writer.leadToNodes(pacer, [ipv4Roots, ipv6Roots])
    return databaseMemory({ ipv4Roots, ipv6Roots, leaves: this.#leaves.words, nodes: this.#writer.nodes })
  }

  #rootsOf(left: Int32Array, right: Int32Array): Int32Array {
    const roots = new Int32Array(ROOTS)
    for (let i = 0; i < ROOTS; i++) {
      const [ofLeft, ofRight] = [rootPart(this.#left, left[i]), rootPart(this.#right, right[i])]
      const joined = this.#joined(ofLeft, ofRight)
      roots[i] =
        joined.firstWord === 0 ? joined.secondWord : this.#leaves.placeOfWords(joined.firstWord, joined.secondWord)
    }
    return roots
  }

  /** Two leaves as one; otherwise the number of the pair. */
  #joined(left: Part, right: Part): Part {
    if (left.firstWord !== 0 && right.firstWord !== 0) {
      return { firstWord: left.firstWord | right.firstWord, secondWord: left.secondWord | right.secondWord }
    }
    const text = `${left.firstWord} ${left.secondWord} ${right.firstWord} ${right.secondWord}`
    const known = this.#numberByPair.get(text)
    if (known !== undefined) return { firstWord: 0, secondWord: known }
    const number = this.#pairs.push({ left, right }) - 1
    this.#numberByPair.set(text, number)
    return { firstWord: 0, secondWord: number }
  }

  /** For the node of a pair; answers how many there were. */
  #addRanges(left: Part, right: Part): number {
    const [ofLeft, ofRight] = [rangesUnder(this.#left, left), rangesUnder(this.#right, right)]
    let count = 0
    for (let i = 0, j = 0, start = 0; ; count++) {
      const { firstWord, secondWord } = this.#joined(ofLeft[i].part, ofRight[j].part)
      this.#writer.addRange(start, firstWord, secondWord)
      const nextOfLeft = ofLeft[i + 1]?.start ?? Infinity
      const nextOfRight = ofRight[j + 1]?.start ?? Infinity
      start = Math.min(nextOfLeft, nextOfRight)
      if (start === Infinity) return count
      if (start === nextOfLeft) i++
      if (start === nextOfRight) j++
    }
  }
}

function rootPart({ leaves }: NetworkDatabase, root: number): Part {
  if (root >= 0) return { firstWord: 0, secondWord: root }
  return { firstWord: leaves[wordsAt(root)], secondWord: leaves[wordsAt(root) + 1] }
}

/** Those of a node; a leaf is the same for all that is below it. */
function rangesUnder({ nodes }: NetworkDatabase, part: Part): { readonly start: number; readonly part: Part }[] {
  if (part.firstWord !== 0) return [{ start: 0, part }]
  const { first, end } = rangesOf(nodes, part.secondWord)
  return Array.from({ length: (end - first) / LEAF_INTS }, (_, i) => {
    const word = nodes[first + i * LEAF_INTS]
    const firstWord = (word & LEAF) === 0 ? 0 : word & ~0xffff
    return { start: word & 0xffff, part: { firstWord, secondWord: nodes[first + i * LEAF_INTS + 1] } }
  })
}
