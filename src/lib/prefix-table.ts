/**
 * A map from prefixes of IPv4 and IPv6 to small numbers, in shared memory of a fixed size: one writer
 * (prefix-table-writer.ts), any number of readers, who take no lock, never wait and never see half of an entry.
 *
 * A lookup reads one slot by the first 16 bits of the address, one filter block for each tier that has prefixes below
 * them, and the entries that the filter lets through: for an address that nothing covers hardly ever one.
 */
import {
  BLOCK_INTS,
  ENTRY,
  ENTRY_INTS_V4,
  ENTRY_INTS_V6,
  FILTER_AT,
  filterBit,
  groupHash,
  HEADER,
  keepBits,
  KIND,
  KIND_BITS,
  prefixHash,
  shapeOf,
  SLOTS_V4_AT,
  SLOTS_V6_AT,
  TIER,
  wordAt,
} from './prefix-memory.ts'

/** No prefix covers the address. */
export const NO_PREFIX = -1

/** Bits of lengths in the words of a slot, of a block and of the header. */
const LENGTHS_0_TO_16 = 0x0001_ffff
const LENGTHS_17_TO_23 = 0x00fe_0000
const LENGTHS_24_TO_31 = 0xff00_0000 | 0
const LENGTHS_17_TO_31 = 0xfffe_0000 | 0
const LENGTHS_32_TO_47 = 0x0000_ffff
const LENGTHS_48_TO_63 = 0xffff_0000 | 0

export class PrefixTable {
  readonly #ints: Int32Array
  readonly #v4At: number
  readonly #v4End: number
  readonly #v4Shift: number
  readonly #v6At: number
  readonly #v6End: number
  readonly #v6Shift: number
  readonly #blockShift: number
  readonly #seed: number
  readonly #secondSeed: number

  constructor(memory: SharedArrayBuffer) {
    const ints = new Int32Array(memory)
    this.#ints = ints
    const shape = shapeOf({ v4: ints[HEADER.capacityV4], v6: ints[HEADER.capacityV6] })
    this.#v4At = shape.entriesV4.at
    this.#v4End = shape.entriesV4.end
    this.#v4Shift = shape.entriesV4.shift
    this.#v6At = shape.entriesV6.at
    this.#v6End = shape.entriesV6.end
    this.#v6Shift = shape.entriesV6.shift
    this.#blockShift = shape.blockShift
    this.#seed = ints[HEADER.seed]
    this.#secondSeed = ints[HEADER.secondSeed]
  }

  /** Prefixes in the table. */
  get count(): number {
    return Atomics.load(this.#ints, HEADER.count)
  }

  /** The value of the longest prefix that covers the address, whose bytes begin at `at`; NO_PREFIX without one. */
  longest(bytes: Uint8Array, at: number, family: 4 | 6): number {
    return family === 4 ? this.#findV4(wordAt(bytes, at), false) : this.#findV6(bytes, at, false)
  }

  /** The greatest value of all prefixes that cover the address; NO_PREFIX without one. */
  greatest(bytes: Uint8Array, at: number, family: 4 | 6): number {
    return family === 4 ? this.#findV4(wordAt(bytes, at), true) : this.#findV6(bytes, at, true)
  }

  /** The values of all prefixes that cover the address, the longest first. One search for each length: not for workers. */
  covering(address: Uint8Array): number[] {
    const isV6 = address.length === 16
    const [w0, w1, w2, w3] = [0, 4, 8, 12].map((at) => (isV6 || at === 0 ? wordAt(address, at) : 0))
    const values: number[] = []
    for (let length = address.length * 8; length >= 0; length--) {
      const p0 = keepBits(w0, length)
      const p1 = keepBits(w1, length - 32)
      const p2 = keepBits(w2, length - 64)
      const p3 = keepBits(w3, length - 96)
      const hash = this.#hash((isV6 ? KIND.v6 : KIND.v4) + length, length, p0, p1, p2, p3)
      const value = isV6 ? this.#valueOfV6(hash, length, p0, p1, p2, p3) : this.#valueOfV4(hash, length, p0)
      if (value !== NO_PREFIX) values.push(value)
    }
    return values
  }

  #findV4(w0: number, wantsAll: boolean): number {
    const ints = this.#ints
    const slot = ints[SLOTS_V4_AT + (w0 >>> 16)]
    if (slot === 0) return NO_PREFIX
    let found = NO_PREFIX
    if ((slot & TIER.v4Long.slotBit) !== 0) {
      const blockAt = this.#blockAt(w0 & -0x100, 0, TIER.v4Long.groupBits)
      const lengths = ints[blockAt]
      if ((lengths & ints[HEADER.lengthsV4 + 1]) !== 0) found = this.#askV4(blockAt, 32, w0)
      if (found !== NO_PREFIX && !wantsAll) return found
      found = this.#amongV4(lengths & ints[HEADER.lengthsV4] & LENGTHS_24_TO_31, blockAt, w0, wantsAll, found)
      if (found !== NO_PREFIX && !wantsAll) return found
    }
    if ((slot & TIER.v4Middle.slotBit) !== 0) {
      const blockAt = this.#blockAt(w0 & -0x1_0000, 0, TIER.v4Middle.groupBits)
      const lengths = ints[blockAt] & ints[HEADER.lengthsV4] & LENGTHS_17_TO_23
      found = this.#amongV4(lengths, blockAt, w0, wantsAll, found)
      if (found !== NO_PREFIX && !wantsAll) return found
    }
    return this.#amongShort(slot, w0, false, wantsAll, found)
  }

  #findV6(bytes: Uint8Array, at: number, wantsAll: boolean): number {
    const ints = this.#ints
    const w0 = wordAt(bytes, at)
    const slot = ints[SLOTS_V6_AT + (w0 >>> 16)]
    if (slot === 0) return NO_PREFIX
    const w1 = wordAt(bytes, at + 4)
    const w2 = wordAt(bytes, at + 8)
    const w3 = wordAt(bytes, at + 12)
    const known = HEADER.lengthsV6
    let found = NO_PREFIX
    if ((slot & TIER.v6Longest.slotBit) !== 0) {
      const blockAt = this.#blockAt(w0, w1 & -0x1_0000, TIER.v6Longest.groupBits)
      const lengths = ints[blockAt]
      for (let word = 4; word >= 1; word--) {
        const mask = word === 1 ? LENGTHS_48_TO_63 : -1
        found = this.#amongV6(lengths & ints[known + word] & mask, word * 32, blockAt, w0, w1, w2, w3, wantsAll, found)
        if (found !== NO_PREFIX && !wantsAll) return found
      }
    }
    if ((slot & TIER.v6Long.slotBit) !== 0) {
      const blockAt = this.#blockAt(w0, 0, TIER.v6Long.groupBits)
      const lengths = ints[blockAt] & ints[known + 1] & LENGTHS_32_TO_47
      found = this.#amongV6(lengths, 32, blockAt, w0, w1, w2, w3, wantsAll, found)
      if (found !== NO_PREFIX && !wantsAll) return found
    }
    if ((slot & TIER.v6Middle.slotBit) !== 0) {
      const blockAt = this.#blockAt(w0 & -0x1_0000, 0, TIER.v6Middle.groupBits)
      const lengths = ints[blockAt] & ints[known] & LENGTHS_17_TO_31
      found = this.#amongV6(lengths, 0, blockAt, w0, w1, w2, w3, wantsAll, found)
      if (found !== NO_PREFIX && !wantsAll) return found
    }
    return this.#amongShort(slot, w0, true, wantsAll, found)
  }

  /** The lengths whose bits are set, longest first; stops at the first that is found unless all are wanted. */
  #amongV4(lengthBits: number, blockAt: number, w0: number, wantsAll: boolean, soFar: number): number {
    let found = soFar
    let lengths = lengthBits
    while (lengths !== 0) {
      const length = 31 - Math.clz32(lengths)
      lengths ^= 1 << length
      const value = this.#askV4(blockAt, length, w0 & (-1 << (32 - length)))
      if (value <= found) continue
      if (!wantsAll) return value
      found = value
    }
    return found
  }

  #askV4(blockAt: number, length: number, prefix: number): number {
    const hash = this.#hash(KIND.v4 + length, length, prefix, 0, 0, 0)
    return this.#mayHave(blockAt, hash) ? this.#valueOfV4(hash, length, prefix) : NO_PREFIX
  }

  /** The same for IPv6; bit 0 is `firstLength`. */
  #amongV6(
    lengthBits: number,
    firstLength: number,
    blockAt: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    wantsAll: boolean,
    soFar: number,
  ): number {
    let found = soFar
    let lengths = lengthBits
    while (lengths !== 0) {
      const bit = 31 - Math.clz32(lengths)
      lengths ^= 1 << bit
      const value = this.#askV6(blockAt, firstLength + bit, w0, w1, w2, w3)
      if (value <= found) continue
      if (!wantsAll) return value
      found = value
    }
    return found
  }

  #askV6(blockAt: number, length: number, w0: number, w1: number, w2: number, w3: number): number {
    const p0 = keepBits(w0, length)
    const p1 = keepBits(w1, length - 32)
    const p2 = keepBits(w2, length - 64)
    const p3 = keepBits(w3, length - 96)
    const hash = this.#hash(KIND.v6 + length, length, p0, p1, p2, p3)
    return this.#mayHave(blockAt, hash) ? this.#valueOfV6(hash, length, p0, p1, p2, p3) : NO_PREFIX
  }

  /** Lengths up to 16: the slot names each, and is exact. */
  #amongShort(slot: number, w0: number, isV6: boolean, wantsAll: boolean, soFar: number): number {
    let found = soFar
    let lengths = slot & LENGTHS_0_TO_16
    while (lengths !== 0) {
      const length = 31 - Math.clz32(lengths)
      lengths ^= 1 << length
      const prefix = keepBits(w0, length)
      const value = this.#valueOfShort(isV6, length, prefix)
      if (value <= found) continue
      if (!wantsAll) return value
      found = value
    }
    return found
  }

  #valueOfShort(isV6: boolean, length: number, prefix: number): number {
    const hash = this.#hash((isV6 ? KIND.v6 : KIND.v4) + length, length, prefix, 0, 0, 0)
    return isV6 ? this.#valueOfV6(hash, length, prefix, 0, 0, 0) : this.#valueOfV4(hash, length, prefix)
  }

  #hash(kind: number, length: number, w0: number, w1: number, w2: number, w3: number): number {
    return prefixHash(this.#seed, this.#secondSeed, kind, length, w0, w1, w2, w3)
  }

  #blockAt(w0: number, w1: number, groupBits: number): number {
    return FILTER_AT + (groupHash(this.#secondSeed, groupBits, w0, w1) >>> this.#blockShift) * BLOCK_INTS
  }

  #mayHave(blockAt: number, hash: number): boolean {
    if (!this.#hasBit(blockAt, filterBit(hash, 0))) return false
    return this.#hasBit(blockAt, filterBit(hash, 1)) && this.#hasBit(blockAt, filterBit(hash, 2))
  }

  #hasBit(blockAt: number, bit: number): boolean {
    return (this.#ints[blockAt + (bit >>> 5)] & (1 << (bit & 31))) !== 0
  }

  /** Of exactly this prefix. */
  #valueOfV4(hash: number, length: number, w0: number): number {
    const ints = this.#ints
    for (;;) {
      const moves = Atomics.load(ints, HEADER.moves)
      const value = this.#searchV4(hash, length, w0)
      // An entry that moved up behind the search's back may be there.
      if (value !== NO_PREFIX || Atomics.load(ints, HEADER.moves) === moves) return value
    }
  }

  #searchV4(hash: number, length: number, w0: number): number {
    const ints = this.#ints
    const kind = KIND.v4 + length
    let at = this.#v4At + (hash >>> this.#v4Shift) * ENTRY_INTS_V4
    for (;;) {
      const tag = Atomics.load(ints, at + ENTRY.tag)
      const kindThere = tag & KIND_BITS
      if (kindThere === KIND.empty) return NO_PREFIX
      if (kindThere === kind && Atomics.load(ints, at + ENTRY.w0) === w0) {
        const value = Atomics.load(ints, at + ENTRY.value)
        // Another generation: the entry went while it was read. If its prefix is back already, it was gone in between.
        if (Atomics.load(ints, at + ENTRY.tag) === tag) return value
      }
      at += ENTRY_INTS_V4
      if (at === this.#v4End) at = this.#v4At
    }
  }

  #valueOfV6(hash: number, length: number, w0: number, w1: number, w2: number, w3: number): number {
    const ints = this.#ints
    for (;;) {
      const moves = Atomics.load(ints, HEADER.moves)
      const value = this.#searchV6(hash, length, w0, w1, w2, w3)
      // An entry that moved up behind the search's back may be there.
      if (value !== NO_PREFIX || Atomics.load(ints, HEADER.moves) === moves) return value
    }
  }

  #searchV6(hash: number, length: number, w0: number, w1: number, w2: number, w3: number): number {
    const ints = this.#ints
    const kind = KIND.v6 + length
    let at = this.#v6At + (hash >>> this.#v6Shift) * ENTRY_INTS_V6
    for (;;) {
      const tag = Atomics.load(ints, at + ENTRY.tag)
      const kindThere = tag & KIND_BITS
      if (kindThere === KIND.empty) return NO_PREFIX
      if (kindThere === kind && this.#isV6At(at, w0, w1, w2, w3)) {
        const value = Atomics.load(ints, at + ENTRY.value)
        if (Atomics.load(ints, at + ENTRY.tag) === tag) return value
      }
      at += ENTRY_INTS_V6
      if (at === this.#v6End) at = this.#v6At
    }
  }

  #isV6At(at: number, w0: number, w1: number, w2: number, w3: number): boolean {
    const ints = this.#ints
    if (Atomics.load(ints, at + ENTRY.w0) !== w0 || Atomics.load(ints, at + ENTRY.w1) !== w1) return false
    return Atomics.load(ints, at + ENTRY.w2) === w2 && Atomics.load(ints, at + ENTRY.w3) === w3
  }
}
