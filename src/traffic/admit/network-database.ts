/**
 * What databases of networks say about an address: its country and its AS, both by one lookup. Control makes it out of the
 * operator's files (control/databases/), whole and checked, in shared memory that never changes. A lookup goes down a
 * tree, 16 bits of the address in each step, and allocates nothing.
 *
 *   header   Int32 × 12       how many int32 of leaves and of nodes; then a line of the cache begins
 *   roots    Int32 × 65,536   where each first 16 bits of an IPv4 address lead, and the same again for IPv6
 *   leaves   Int32 × 2 each   those that roots lead to: LEAF with the country above it, and the AS
 *   nodes    Int32 × 2^b + 1  index: for each value of the next b bits the last range that begins at it or before, and then
 *                             the last of all
 *            Int32 × 2 each   ranges: the first 16 bits of it, and where it leads: to another node, or, with LEAF and the
 *                             country above it in the first word, to the AS as it is
 *
 * A root that is negative leads to the leaf at ~place. A place of a node is where it begins, a multiple of 8, with half of b
 * (14 at most) in the lowest 3 bits. Ranges and not bits, because those of a small node are in one line of the cache or
 * two, and one of a large node is found by its index in two.
 */
import { FIRST_LINE_AT, LINE_INTS } from '../../lib/cache-line.ts'

const HEADER = { leafInts: 0, nodeInts: 1 } as const
const HEADER_INTS = FIRST_LINE_AT
export const ROOTS = 65_536
/** Nobody knows which country or AS the address is in. */
export const UNKNOWN = 0
/** The place of the leaf that knows nothing: the first. */
export const UNKNOWN_LEAF = ~0

/** In the first word of a leaf or a range. */
export const LEAF = 0x1_0000
/** The country begins at this bit, and has 15 of them. */
export const COUNTRY_SHIFT = 17
export const STEP_BITS = 16
/** Of a leaf, and of a range. */
export const LEAF_INTS = 2
/** In the place of a node: half of the bits that its index has. */
export const INDEX_MASK = 7
/** So many ranges, or fewer, need no loop; where a part of the index names more, they are halved until it is so. */
const RANGES_WITHOUT_LOOP = 8

/** The parts of a database in its memory. */
export class NetworkDatabase {
  readonly ipv4Roots: Int32Array
  readonly ipv6Roots: Int32Array
  readonly leaves: Int32Array
  readonly nodes: Int32Array
  /** Of the last `find`: its number (lib/country-code.ts), or UNKNOWN. */
  country = UNKNOWN
  /** Of the last `find`: its number, or UNKNOWN. */
  asn = UNKNOWN

  constructor(memory: SharedArrayBuffer) {
    const header = new Int32Array(memory, 0, HEADER_INTS)
    const leavesAt = HEADER_INTS + ROOTS * 2
    this.ipv4Roots = new Int32Array(memory, HEADER_INTS * 4, ROOTS)
    this.ipv6Roots = new Int32Array(memory, (HEADER_INTS + ROOTS) * 4, ROOTS)
    this.leaves = new Int32Array(memory, leavesAt * 4, header[HEADER.leafInts])
    this.nodes = new Int32Array(memory, (leavesAt + wholeLines(this.leaves.length)) * 4, header[HEADER.nodeInts])
  }

  /** Empty, with room for so much, in the memory that `make` gives. */
  static ofSize(
    leafInts: number,
    nodeInts: number,
    make = (bytes: number) => new SharedArrayBuffer(bytes),
  ): { memory: SharedArrayBuffer; database: NetworkDatabase } {
    const memory = make((HEADER_INTS + ROOTS * 2 + wholeLines(leafInts) + nodeInts) * 4)
    const header = new Int32Array(memory, 0, HEADER_INTS)
    header[HEADER.leafInts] = leafInts
    header[HEADER.nodeInts] = nodeInts
    return { memory, database: new NetworkDatabase(memory) }
  }

  /** Leaves `country` and `asn`. */
  find(bytes: Uint8Array, at: number, family: 4 | 6): void {
    const { nodes } = this
    const first = (bytes[at] << 8) | bytes[at + 1]
    let place = family === 4 ? this.ipv4Roots[first] : this.ipv6Roots[first]
    if (place < 0) {
      this.country = this.leaves[~place * LEAF_INTS] >>> COUNTRY_SHIFT
      this.asn = this.leaves[~place * LEAF_INTS + 1] >>> 0
      return
    }
    const end = at + (family === 4 ? 4 : 16)
    for (let i = at + 2; i < end; i += 2) {
      const range = this.#rangeOf(place, (bytes[i] << 8) | bytes[i + 1])
      const firstWord = nodes[range]
      place = nodes[range + 1]
      if ((firstWord & LEAF) === 0) continue
      this.country = firstWord >>> COUNTRY_SHIFT
      this.asn = place >>> 0
      return
    }
    this.country = UNKNOWN
    this.asn = UNKNOWN
  }

  /**
   * The last range of the node that does not begin behind the bits. What memory holds decides where to read next, and no
   * branch but that of the loop, which few nodes need: a branch that can't be foreseen waits until memory has answered, and
   * all reads behind it do too.
   */
  #rangeOf(place: number, bits: number): number {
    const { nodes } = this
    const indexBits = (place & INDEX_MASK) << 1
    const indexAt = place & ~INDEX_MASK
    const index = indexAt + (bits >>> (STEP_BITS - indexBits))
    const firstRange = nodes[index]
    let low = (indexAt + (1 << indexBits) + 1 + firstRange * LEAF_INTS) | 0
    let ranges = (nodes[index + 1] + 1 - firstRange) | 0
    while (ranges > RANGES_WITHOUT_LOOP) {
      low = halved(nodes, low, ranges, bits)
      ranges = (ranges - (ranges >>> 1)) | 0
    }
    low = halved(nodes, low, ranges, bits)
    ranges = (ranges - (ranges >>> 1)) | 0
    low = halved(nodes, low, ranges, bits)
    ranges = (ranges - (ranges >>> 1)) | 0
    return halved(nodes, low, ranges, bits)
  }
}

/** Where the half of these ranges begins that the bits are in; of a single one, where that begins. */
const halved = (nodes: Int32Array, low: number, ranges: number, bits: number): number => {
  const half = (ranges >>> 1) * LEAF_INTS
  const isNotBehind = ((nodes[low + half] & 0xffff) - bits - 1) >> 31
  return (low + (half & isNotBehind)) | 0
}

function wholeLines(ints: number): number {
  return Math.ceil(ints / LINE_INTS) * LINE_INTS
}
