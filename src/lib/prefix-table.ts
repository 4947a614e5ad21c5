/**
 * A map from prefixes of IPv4 and IPv6 to small numbers, in shared memory of a fixed size: one writer
 * (prefix-table-writer.ts), any number of readers, who take no lock, never wait and never see half of an entry.
 *
 * A lookup reads one slot by the first 16 bits of the address, then for each tier that may have prefixes below them the
 * digest of one line (prefix-digests.ts), and a line (prefix-lines.ts) only where its digest says so: who is in no list
 * reads none, who is in one reads most often a single one. Only a prefix that found its group's line full costs another.
 */
import { HEADER, SLOT_LENGTH_MAX, wordAt } from './prefix-memory.ts'
import { PrefixesV4 } from './prefixes-v4.ts'
import { PrefixesV6 } from './prefixes-v6.ts'

/** No prefix covers the address. */
export const NO_PREFIX = -1

export class PrefixTable {
  readonly #ints: Int32Array
  readonly #v4: PrefixesV4
  readonly #v6: PrefixesV6
  /** Where the first address was, and those of a worker's loop are: a word of a view is one read, and not four. */
  #bytes: Uint8Array | undefined
  #view: DataView
  /** For IPv6 addresses from elsewhere: to copy them takes a tenth of the time that a view takes to be made. */
  readonly #copy = new Uint8Array(16)
  readonly #viewOfCopy = new DataView(this.#copy.buffer)

  constructor(memory: SharedArrayBuffer) {
    this.#ints = new Int32Array(memory)
    this.#v4 = new PrefixesV4(memory)
    this.#v6 = new PrefixesV6(memory)
    this.#view = this.#viewOfCopy
  }

  /** Prefixes in the table. */
  get count(): number {
    return Atomics.load(this.#ints, HEADER.count)
  }

  /** The value of the longest prefix that covers the address, whose bytes begin at `at`; NO_PREFIX without one. */
  longest(bytes: Uint8Array, at: number, family: 4 | 6): number {
    if (bytes !== this.#bytes) return this.#findElsewhere(bytes, at, family, false)
    return family === 4 ? this.#v4.find(this.#view.getInt32(at), false) : this.#v6.find(this.#view, at, false)
  }

  /** The greatest value of all prefixes that cover the address; NO_PREFIX without one. */
  greatest(bytes: Uint8Array, at: number, family: 4 | 6): number {
    if (bytes !== this.#bytes) return this.#findElsewhere(bytes, at, family, true)
    return family === 4 ? this.#v4.find(this.#view.getInt32(at), true) : this.#v6.find(this.#view, at, true)
  }

  /** The values of all prefixes that cover the address, the longest first. One search for each length: not for workers. */
  covering(address: Uint8Array): number[] {
    const isV6 = address.length === 16
    const view = new DataView(address.buffer, address.byteOffset, address.byteLength)
    const [w0, w1, w2, w3] = [0, 4, 8, 12].map((at) => (isV6 || at === 0 ? view.getInt32(at) : 0))
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

  #findElsewhere(bytes: Uint8Array, at: number, family: 4 | 6, wantsGreatest: boolean): number {
    if (this.#bytes === undefined) {
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    if (family === 4) return this.#v4.find(wordAt(bytes, at), wantsGreatest)
    for (let i = 0; i < 16; i++) this.#copy[i] = bytes[at + i]
    return this.#v6.find(this.#viewOfCopy, 0, wantsGreatest)
  }
}
