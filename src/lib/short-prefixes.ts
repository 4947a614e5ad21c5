/**
 * What a prefix table knows of one family's prefixes of up to 16 bits, for readers: a slot names each of them that covers
 * its addresses, and each has a place of its own, so that nothing has to be looked for.
 */
import { shortIndex } from './prefix-memory.ts'

/** Values are kept as complements: that of 0 is no prefix at all. */
const NOTHING = ~0
/** Bits of a slot. */
const LENGTHS_0_TO_16 = 0x0001_ffff

// As in prefixes-v4.ts.
const placeOf = shortIndex

export class ShortPrefixes {
  readonly #ints: Int32Array
  readonly #slotsAt: number
  readonly #shortsAt: number

  constructor(ints: Int32Array, slotsAt: number, shortsAt: number) {
    this.#ints = ints
    this.#slotsAt = slotsAt
    this.#shortsAt = shortsAt
  }

  /** The value of the longest that covers the address, or the greatest of all that do and of `soFar`. */
  find(slot: number, w0: number, wantsGreatest: boolean, soFar: number): number {
    let found = soFar
    let lengths = slot & LENGTHS_0_TO_16
    while (lengths !== 0) {
      const length = 31 - Math.clz32(lengths)
      lengths ^= 1 << length
      const value = ~this.#ints[this.#shortsAt + placeOf(w0, length)]
      if (value <= found) continue
      if (!wantsGreatest) return value
      found = value
    }
    return found
  }

  /** The value of the one of this length that covers the address. */
  valueOf(length: number, w0: number): number {
    return this.find(this.#ints[this.#slotsAt + (w0 >>> 16)] & (1 << length), w0, false, NOTHING)
  }
}
