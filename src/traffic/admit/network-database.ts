/**
 * What a database of networks says about an address: one number, which is a country or an AS. Control makes it out of the
 * operator's file (control/databases/compile-database.ts), whole and checked, in shared memory that never changes; a
 * lookup walks the bits of the address down a tree, allocates nothing and takes 128 steps at most.
 *
 *   header    Int32 × 4       nodes, where IPv4 begins, where IPv6 begins, values
 *   nodes     Int32 × 2 each  the next node for a bit that is 0, and for one that is 1; negative: ~place in values
 *   values    Uint32 each     the first is 0: nothing is known
 */
export const HEADER = { nodes: 0, ipv4: 1, ipv6: 2, values: 3 } as const
export const HEADER_INTS = 4
/** Nobody knows which country or AS the address is in. */
export const UNKNOWN = 0
/** A place in the tree that is a leaf without a value. */
export const UNKNOWN_LEAF = ~0

export class NetworkDatabase {
  readonly #nodes: Int32Array
  readonly #values: Uint32Array
  readonly #ipv4: number
  readonly #ipv6: number

  constructor(memory: SharedArrayBuffer) {
    const header = new Int32Array(memory, 0, HEADER_INTS)
    const nodes = header[HEADER.nodes]
    this.#nodes = new Int32Array(memory, HEADER_INTS * 4, nodes * 2)
    this.#values = new Uint32Array(memory, HEADER_INTS * 4 + nodes * 8, header[HEADER.values])
    this.#ipv4 = header[HEADER.ipv4]
    this.#ipv6 = header[HEADER.ipv6]
  }

  get knowsNothing(): boolean {
    return this.#values.length <= 1
  }

  /** UNKNOWN, or the number of its country or AS. */
  valueOf(bytes: Uint8Array, at: number, family: 4 | 6): number {
    const nodes = this.#nodes
    const end = at + (family === 4 ? 4 : 16)
    let place = family === 4 ? this.#ipv4 : this.#ipv6
    for (let i = at; i < end && place >= 0; i++) {
      const byte = bytes[i]
      for (let bit = 7; bit >= 0 && place >= 0; bit--) place = nodes[place * 2 + ((byte >> bit) & 1)]
    }
    return place < 0 ? this.#values[~place] : UNKNOWN
  }
}
