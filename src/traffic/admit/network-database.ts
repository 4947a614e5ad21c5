/**
 * What a database of networks says about an address: one number, which is a country or an AS. Control makes it out of the
 * operator's file (control/databases/compile-database.ts), whole and checked, in shared memory that never changes. A lookup
 * goes down a tree, 16 bits of the address in each step, and allocates nothing.
 *
 *   header   Int32 × 2        how many values and int32 of nodes
 *   roots    Int32 × 65,536   where each first 16 bits of an IPv4 address lead, and the same again for IPv6
 *   values   Int32 each       the first is 0: nothing is known
 *   nodes    Int32            how many ranges a small node has; a large one has ~b, and goes on with
 *            Int32 × 2^b + 1  its index: for each value of the next b bits the last range that begins at it or before, and
 *                             then the last of all
 *            Int32 × 2 each   ranges: the first 16 bits of it, with LEAF if it leads no further, and where it leads: to
 *                             another node, or to a value as it is
 *
 * A root that is negative leads to the value at ~place. Ranges and not bits, because those of a small node are in one or two
 * lines of the cache, and one of a large node is found by its index in two.
 */
const HEADER = { values: 0, nodeInts: 1 } as const
const HEADER_INTS = 2
export const ROOTS = 65_536
/** Nobody knows which country or AS the address is in. */
export const UNKNOWN = 0
/** A place in the tree that is a leaf without a value. */
export const UNKNOWN_LEAF = ~0

/** In the first word of a range. */
export const LEAF = 0x1_0000
export const STEP_BITS = 16
export const RANGE_INTS = 2

/** The parts of a database in its memory. */
export class NetworkDatabase {
  readonly ipv4Roots: Int32Array
  readonly ipv6Roots: Int32Array
  readonly values: Int32Array
  readonly nodes: Int32Array

  constructor(memory: SharedArrayBuffer) {
    const header = new Int32Array(memory, 0, HEADER_INTS)
    const valuesAt = HEADER_INTS + ROOTS * 2
    this.ipv4Roots = new Int32Array(memory, HEADER_INTS * 4, ROOTS)
    this.ipv6Roots = new Int32Array(memory, (HEADER_INTS + ROOTS) * 4, ROOTS)
    this.values = new Int32Array(memory, valuesAt * 4, header[HEADER.values])
    this.nodes = new Int32Array(memory, (valuesAt + this.values.length) * 4, header[HEADER.nodeInts])
  }

  /** Empty, with room for so much. */
  static ofSize(values: number, nodeInts: number): { memory: SharedArrayBuffer; database: NetworkDatabase } {
    const memory = new SharedArrayBuffer((HEADER_INTS + ROOTS * 2 + values + nodeInts) * 4)
    const header = new Int32Array(memory, 0, HEADER_INTS)
    header[HEADER.values] = values
    header[HEADER.nodeInts] = nodeInts
    return { memory, database: new NetworkDatabase(memory) }
  }

  get knowsNothing(): boolean {
    return this.values.length <= 1
  }

  /** UNKNOWN, or the number of its country or AS. */
  valueOf(bytes: Uint8Array, at: number, family: 4 | 6): number {
    const { nodes } = this
    const first = (bytes[at] << 8) | bytes[at + 1]
    let node = family === 4 ? this.ipv4Roots[first] : this.ipv6Roots[first]
    if (node < 0) return this.values[~node] >>> 0
    const end = at + (family === 4 ? 4 : 16)
    for (let i = at + 2; i < end; i += 2) {
      const bits = (bytes[i] << 8) | bytes[i + 1]
      const range = this.#rangeOf(node, bits)
      if ((nodes[range] & LEAF) !== 0) return nodes[range + 1] >>> 0
      node = nodes[range + 1]
    }
    return UNKNOWN
  }

  /** The last range of the node that does not begin behind the bits. */
  #rangeOf(node: number, bits: number): number {
    const { nodes } = this
    const count = nodes[node]
    let low = node + 1
    let ranges = count
    if (count < 0) {
      const index = low + (bits >>> (STEP_BITS - ~count))
      low += (1 << ~count) + 1 + nodes[index] * RANGE_INTS
      ranges = nodes[index + 1] + 1 - nodes[index]
    }
    // No branch but that of the loop: which half it is can't be foreseen.
    while (ranges > 1) {
      const half = ranges >>> 1
      const isNotBehind = ((nodes[low + half * RANGE_INTS] & 0xffff) - bits - 1) >> 31
      low += (half * RANGE_INTS) & isNotBehind
      ranges -= half
    }
    return low
  }
}
