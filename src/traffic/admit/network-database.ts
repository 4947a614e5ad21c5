/**
 * What a database of networks says about an address: one number, which is a country or an AS. Control makes it out of the
 * operator's file (control/databases/compile-database.ts), whole and checked, in shared memory that never changes; a
 * lookup walks the bits of the address down a tree, allocates nothing and takes 113 steps at most.
 *
 *   header   Int32 × 2        how many nodes, how many values
 *   roots    Int32 × 65,536   where each first 16 bits of an IPv4 address lead, and the same again for IPv6
 *   nodes    Int32 × 2 each   the next node for a bit that is 0, and for one that is 1
 *   values   Uint32 each      the first is 0: nothing is known
 *
 * A negative root or next node is a leaf: ~place in values.
 */
const HEADER = { nodes: 0, values: 1 } as const
const HEADER_INTS = 2
export const ROOTS = 65_536
/** Nobody knows which country or AS the address is in. */
export const UNKNOWN = 0
/** A place in the tree that is a leaf without a value. */
export const UNKNOWN_LEAF = ~0

/** The parts of a database in its memory. */
export class NetworkDatabase {
  readonly ipv4Roots: Int32Array
  readonly ipv6Roots: Int32Array
  readonly nodes: Int32Array
  readonly values: Uint32Array

  constructor(memory: SharedArrayBuffer) {
    const [nodes, values] = new Int32Array(memory, 0, HEADER_INTS)
    const nodesAt = HEADER_INTS + ROOTS * 2
    this.ipv4Roots = new Int32Array(memory, HEADER_INTS * 4, ROOTS)
    this.ipv6Roots = new Int32Array(memory, (HEADER_INTS + ROOTS) * 4, ROOTS)
    this.nodes = new Int32Array(memory, nodesAt * 4, nodes * 2)
    this.values = new Uint32Array(memory, (nodesAt + nodes * 2) * 4, values)
  }

  /** Empty, with room for so much. */
  static ofSize(nodes: number, values: number): { memory: SharedArrayBuffer; database: NetworkDatabase } {
    const memory = new SharedArrayBuffer((HEADER_INTS + ROOTS * 2 + nodes * 2 + values) * 4)
    const header = new Int32Array(memory, 0, HEADER_INTS)
    header[HEADER.nodes] = nodes
    header[HEADER.values] = values
    return { memory, database: new NetworkDatabase(memory) }
  }

  get knowsNothing(): boolean {
    return this.values.length <= 1
  }

  /** UNKNOWN, or the number of its country or AS. */
  valueOf(bytes: Uint8Array, at: number, family: 4 | 6): number {
    const { nodes } = this
    const first = (bytes[at] << 8) | bytes[at + 1]
    const end = at + (family === 4 ? 4 : 16)
    let place = family === 4 ? this.ipv4Roots[first] : this.ipv6Roots[first]
    for (let i = at + 2; i < end && place >= 0; i++) {
      const byte = bytes[i]
      for (let bit = 7; bit >= 0 && place >= 0; bit--) place = nodes[place * 2 + ((byte >> bit) & 1)]
    }
    return place < 0 ? this.values[~place] : UNKNOWN
  }
}
