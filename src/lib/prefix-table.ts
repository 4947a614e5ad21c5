/**
 * A map from prefixes of IPv4 and IPv6 to small numbers, in shared memory of a fixed size: one writer
 * (prefix-table-writer.ts), any number of readers, who take no lock, never wait and never see half of an entry.
 *
 * A lookup reads one slot by the first 16 bits of the address, and then one line (prefix-lines.ts) for each tier that has
 * prefixes below them, none of which waits for another: out of the caches they cost little more than one read. Only a
 * prefix that found its group's line full costs another.
 */
import { HEADER, SLOT_LENGTH_MAX, wordAt } from './prefix-memory.ts'
import { PrefixesV4 } from './prefixes-v4.ts'
import { PrefixesV6 } from './prefixes-v6.ts'

/** No prefix covers the address. */
export const NO_PREFIX = -1

const word = wordAt

export class PrefixTable {
  readonly #ints: Int32Array
  readonly #v4: PrefixesV4
  readonly #v6: PrefixesV6

  constructor(memory: SharedArrayBuffer) {
    this.#ints = new Int32Array(memory)
    this.#v4 = new PrefixesV4(memory)
    this.#v6 = new PrefixesV6(memory)
  }

  /** Prefixes in the table. */
  get count(): number {
    return Atomics.load(this.#ints, HEADER.count)
  }

  /** The value of the longest prefix that covers the address, whose bytes begin at `at`; NO_PREFIX without one. */
  longest(bytes: Uint8Array, at: number, family: 4 | 6): number {
    return family === 4 ? this.#v4.find(word(bytes, at), false) : this.#v6.find(bytes, at, false)
  }

  /** The greatest value of all prefixes that cover the address; NO_PREFIX without one. */
  greatest(bytes: Uint8Array, at: number, family: 4 | 6): number {
    return family === 4 ? this.#v4.find(word(bytes, at), true) : this.#v6.find(bytes, at, true)
  }

  /** The values of all prefixes that cover the address, the longest first. One search for each length: not for workers. */
  covering(address: Uint8Array): number[] {
    const isV6 = address.length === 16
    const [w0, w1, w2, w3] = [0, 4, 8, 12].map((at) => (isV6 || at === 0 ? wordAt(address, at) : 0))
    const values: number[] = []
    const add = (value: number): void => {
      if (value !== NO_PREFIX) values.push(value)
    }
    for (let length = address.length * 8; length > SLOT_LENGTH_MAX; length--) {
      add(isV6 ? this.#v6.valueOf(length, w0, w1, w2, w3) : this.#v4.valueOf(length, w0))
    }
    const { shorts } = isV6 ? this.#v6 : this.#v4
    for (let length = SLOT_LENGTH_MAX; length >= 0; length--) add(shorts.valueOf(length, w0))
    return values
  }
}
