/** What a prefix table knows of IPv4, for readers. */
import {
  hitsV4,
  MARKS_V4,
  MISSING_V4,
  missingV4,
  PASSED,
  PLACES_V4,
  PREFIX_V4,
  readInOrder,
  SPILLED_LONG_V4,
  SPILLED_MIDDLE_V4,
  SPILLED_V4_SHIFT,
  SPILLED_WIDE_V4,
  VALUE_V4,
} from './prefix-lines.ts'
import {
  groupHash,
  HEADER,
  keepBits,
  LINE_INTS,
  lineAt,
  prefixHash,
  shapeOf,
  SLOTS_V4_AT,
  TIER,
  tierOf,
} from './prefix-memory.ts'
import { ShortPrefixes } from './short-prefixes.ts'

/** Values are kept as complements: that of 0 is no prefix at all. */
const NOTHING = ~0
/** Bits of a slot. */
const LENGTHS_0_TO_16 = 0x0001_ffff

// Under names of this file the compiler takes them for constants; what is imported it reads and checks each time, which
// made a lookup a third slower.
const LONGER_V4 = TIER.v4Wide.slotBit | TIER.v4Middle.slotBit | TIER.v4Long.slotBit
const HAS_WIDE_V4 = TIER.v4Wide.slotBit
const LONG_BITS_V4 = TIER.v4Long.groupBits
const MIDDLE_BITS_V4 = TIER.v4Middle.groupBits
const WIDE_BITS_V4 = TIER.v4Wide.groupBits
const SPILLED_IN_LONG_V4 = SPILLED_LONG_V4
const SPILLED_IN_MIDDLE_V4 = SPILLED_MIDDLE_V4
const SPILLED_IN_WIDE_V4 = SPILLED_WIDE_V4
const SLOTS_V4 = SLOTS_V4_AT
const MARKS = MARKS_V4
const MISSING = MISSING_V4
const PREFIX4 = PREFIX_V4
const VALUE4 = VALUE_V4
const PLACES4 = PLACES_V4
const CHANGES = HEADER.changes
const PASSED_ON = PASSED
const hashOfGroup = groupHash
const hashOfPrefix = prefixHash
const placeOf = lineAt
const hits4 = hitsV4
const read = readInOrder
const missing4 = missingV4

export class PrefixesV4 {
  readonly shorts: ShortPrefixes
  readonly #ints: Int32Array
  /** The same count by another way, so that a compiler that has it does not take it for the same. */
  readonly #changes: Int32Array
  readonly #linesAt: number
  readonly #linesEnd: number
  readonly #linesFactor: number
  readonly #linesShift: number
  readonly #seed: number
  readonly #secondSeed: number

  constructor(memory: SharedArrayBuffer) {
    const ints = new Int32Array(memory)
    this.#ints = ints
    this.#changes = new Int32Array(memory, HEADER.changes * 4, 1)
    const shape = shapeOf({ v4: ints[HEADER.capacityV4], v6: ints[HEADER.capacityV6] })
    this.shorts = new ShortPrefixes(ints, SLOTS_V4, shape.shortsV4At)
    const { at, end, factor, shift } = shape.linesV4
    this.#linesAt = at
    this.#linesEnd = end
    this.#linesFactor = factor
    this.#linesShift = shift
    this.#seed = ints[HEADER.seed]
    this.#secondSeed = ints[HEADER.secondSeed]
  }

  /** The value of the longest prefix that covers the address, or the greatest of all that do. */
  find(w0: number, wantsGreatest: boolean): number {
    const ints = this.#ints
    const slot = ints[SLOTS_V4 + (w0 >>> 16)]
    if (slot === 0) return NOTHING
    let found = NOTHING
    if ((slot & LONGER_V4) !== 0) {
      // Two of the three tiers whatever the slot says: to guess which of them wrong costs more than to read in vain.
      const longHash = hashOfGroup(this.#secondSeed, LONG_BITS_V4, w0 & -0x100, 0)
      const middleHash = hashOfGroup(this.#secondSeed, MIDDLE_BITS_V4, w0 & -0x1000, 0)
      const longAt = this.#lineAt(longHash)
      const middleAt = this.#lineAt(middleHash)
      let hits = hits4(ints, longAt, longHash) | (hits4(ints, middleAt, middleHash) >>> 2)
      let spilled = (ints[longAt + MARKS] & SPILLED_IN_LONG_V4) | (ints[middleAt + MARKS] & SPILLED_IN_MIDDLE_V4)
      let wideAt = 0
      if ((slot & HAS_WIDE_V4) !== 0) {
        const wideHash = hashOfGroup(this.#secondSeed, WIDE_BITS_V4, w0 & -0x1_0000, 0)
        wideAt = this.#lineAt(wideHash)
        hits |= hits4(ints, wideAt, wideHash) >>> 4
        spilled |= ints[wideAt + MARKS] & SPILLED_IN_WIDE_V4
      }
      if ((hits | spilled) !== 0) found = this.#choose(hits, spilled, longAt, middleAt, wideAt, w0, wantsGreatest)
    }
    if ((found !== NOTHING && !wantsGreatest) || (slot & LENGTHS_0_TO_16) === 0) return found
    return this.shorts.find(slot, w0, wantsGreatest, found)
  }

  /** `hits` says where to look; what is there may have become another meanwhile. */
  #choose(
    hits: number,
    spilled: number,
    longAt: number,
    middleAt: number,
    wideAt: number,
    w0: number,
    wantsGreatest: boolean,
  ): number {
    const ints = this.#ints
    let changes = read(ints, CHANGES)
    for (;;) {
      let found = NOTHING
      let leastMissing = 32
      for (let left = hits; left !== 0; left &= left - 1) {
        const bit = 31 - Math.clz32(left & -left)
        // Of each byte bits 7 and 6 are the long line's, 5 and 4 the middle one's, 3 and 2 the wide one's.
        const line = (bit & 6) === 6 ? longAt : (bit & 6) === 4 ? middleAt : wideAt
        // 4 more where the lower of the two is set: no branch, which would be guessed wrong.
        const place = (bit >>> 3) + ((~bit & 1) << 2)
        const missing = missing4(read(ints, line + MISSING), place)
        if ((read(ints, line + PREFIX4 + place) ^ w0) >>> missing !== 0) continue
        const value = ~read(ints, line + VALUE4 + place)
        if (value === NOTHING || (wantsGreatest ? value < found : missing > leastMissing)) continue
        found = value
        leastMissing = missing
      }
      if (spilled !== 0) found = this.#amongSpilled(spilled, leastMissing, w0, wantsGreatest, found)
      if (found === NOTHING || read(this.#changes, 0) === changes) return found
      // By a call: across one no compiler takes an earlier read for the next.
      changes = Atomics.load(ints, CHANGES)
    }
  }

  #amongSpilled(spilled: number, leastMissing: number, w0: number, wantsGreatest: boolean, soFar: number): number {
    let found = soFar
    for (let left = spilled >>> SPILLED_V4_SHIFT; left !== 0; left &= left - 1) {
      const missing = 31 - Math.clz32(left & -left)
      if (!wantsGreatest && missing > leastMissing) return found
      const value = this.#spilled(missing, w0 & (-1 << missing))
      if (value === NOTHING) continue
      if (!wantsGreatest) return value
      if (value > found) found = value
    }
    return found
  }

  /** Of exactly this prefix, outside of its group's line. */
  #spilled(missing: number, prefix: number): number {
    const ints = this.#ints
    let line = this.#lineAt(hashOfPrefix(this.#seed, this.#secondSeed, 32 - missing, prefix, 0, 0, 0))
    for (;;) {
      const value = this.#valueIn(line, missing, prefix)
      if (value !== NOTHING || (ints[line + MISSING] & PASSED_ON) === 0) return value
      line = line + LINE_INTS === this.#linesEnd ? this.#linesAt : line + LINE_INTS
    }
  }

  #valueIn(line: number, missing: number, prefix: number): number {
    const ints = this.#ints
    const codes = read(ints, line + MISSING)
    for (let place = 0; place < PLACES4; place++) {
      if (read(ints, line + PREFIX4 + place) !== prefix || missing4(codes, place) !== missing) continue
      const value = ~read(ints, line + VALUE4 + place)
      if (value !== NOTHING) return value
    }
    return NOTHING
  }

  /** The value of the prefix of this length, longer than 16, that covers the address. Not for workers. */
  valueOf(length: number, w0: number): number {
    const ints = this.#ints
    const { groupBits } = tierOf(4, length)
    const line = this.#lineAt(hashOfGroup(this.#secondSeed, groupBits, keepBits(w0, groupBits), 0))
    const prefix = keepBits(w0, length)
    for (;;) {
      const changes = Atomics.load(ints, CHANGES)
      let value = this.#valueIn(line, 32 - length, prefix)
      if (value === NOTHING) value = this.#spilled(32 - length, prefix)
      if (value === NOTHING || Atomics.load(ints, CHANGES) === changes) return value
    }
  }

  #lineAt(hash: number): number {
    return placeOf(this.#linesAt, this.#linesFactor, this.#linesShift, hash)
  }
}
