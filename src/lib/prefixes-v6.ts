/** What a prefix table knows of IPv6, for readers. */
import {
  isCoveredV6,
  hitsLongestV6,
  hitsLongV6,
  hitsMiddleV6,
  missingV6,
  PASSED,
  PLACE_INTS_V6,
  PLACES_V6,
  PREFIX_V6,
  readInOrder,
  spillBitV6,
  SPILLED_LONG_V6,
  SPILLED_LONGEST_V6,
  SPILLED_MIDDLE_V6,
  VALUE_V6,
} from './prefix-lines.ts'
import {
  groupHash,
  HEADER,
  keepBits,
  LINE_INTS,
  lineAt,
  prefixHash,
  shapeOf,
  SLOTS_V6_AT,
  TIER,
  tierOf,
  wordAt,
} from './prefix-memory.ts'
import { ShortPrefixes } from './short-prefixes.ts'

/** Values are kept as complements: that of 0 is no prefix at all. */
const NOTHING = ~0
/** Bits of a slot. */
const LENGTHS_0_TO_16 = 0x0001_ffff

// Under names of this file the compiler takes them for constants; what is imported it reads and checks each time, which
// made a lookup a third slower.
const HAS_MIDDLE_V6 = TIER.v6Middle.slotBit
const HAS_LONG_V6 = TIER.v6Long.slotBit
const HAS_LONGEST_V6 = TIER.v6Longest.slotBit
const LONGEST_BITS_V6 = TIER.v6Longest.groupBits
const LONG_BITS_V6 = TIER.v6Long.groupBits
const MIDDLE_BITS_V6 = TIER.v6Middle.groupBits
const SPILLED_IN_LONGEST_V6 = SPILLED_LONGEST_V6
const SPILLED_IN_LONG_V6 = SPILLED_LONG_V6
const SPILLED_IN_MIDDLE_V6 = SPILLED_MIDDLE_V6
const SLOTS_V6 = SLOTS_V6_AT
const PREFIX6 = PREFIX_V6
const VALUE6 = VALUE_V6
const PLACES6 = PLACES_V6
const PLACE_INTS6 = PLACE_INTS_V6
const CHANGES = HEADER.changes
const PASSED_ON = PASSED
const hashOfGroup = groupHash
const hashOfPrefix = prefixHash
const word = wordAt
const placeOf = lineAt
const hitsLongest6 = hitsLongestV6
const hitsLong6 = hitsLongV6
const hitsMiddle6 = hitsMiddleV6
const read = readInOrder
const missing6 = missingV6
const isCovered6 = isCoveredV6

export class PrefixesV6 {
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
    this.shorts = new ShortPrefixes(ints, SLOTS_V6, shape.shortsV6At)
    const { at, end, factor, shift } = shape.linesV6
    this.#linesAt = at
    this.#linesEnd = end
    this.#linesFactor = factor
    this.#linesShift = shift
    this.#seed = ints[HEADER.seed]
    this.#secondSeed = ints[HEADER.secondSeed]
  }

  /** The value of the longest prefix that covers the address, or the greatest of all that do. */
  find(bytes: Uint8Array, at: number, wantsGreatest: boolean): number {
    const ints = this.#ints
    const w0 = word(bytes, at)
    const slot = ints[SLOTS_V6 + (w0 >>> 16)]
    if (slot === 0) return NOTHING
    const w1 = word(bytes, at + 4)
    let hits = 0
    let spilled = 0
    let longestAt = 0
    let longAt = 0
    let middleAt = 0
    if ((slot & HAS_LONGEST_V6) !== 0) {
      longestAt = this.#lineAt(hashOfGroup(this.#secondSeed, LONGEST_BITS_V6, w0, w1 & -0x1_0000))
      hits = hitsLongest6(ints, longestAt, w0, w1)
      spilled = ints[longestAt] & SPILLED_IN_LONGEST_V6
    }
    if ((slot & HAS_LONG_V6) !== 0) {
      longAt = this.#lineAt(hashOfGroup(this.#secondSeed, LONG_BITS_V6, w0, 0))
      hits |= hitsLong6(ints, longAt, w0, w1) << PLACES6
      spilled |= ints[longAt] & SPILLED_IN_LONG_V6
    }
    if ((slot & HAS_MIDDLE_V6) !== 0) {
      middleAt = this.#lineAt(hashOfGroup(this.#secondSeed, MIDDLE_BITS_V6, w0 & -0x1_0000, 0))
      hits |= hitsMiddle6(ints, middleAt, w0) << (2 * PLACES6)
      spilled |= ints[middleAt] & SPILLED_IN_MIDDLE_V6
    }
    let found = NOTHING
    if ((hits | spilled) !== 0) {
      const w2 = word(bytes, at + 8)
      const w3 = word(bytes, at + 12)
      found = this.#choose(hits, spilled, longestAt, longAt, middleAt, w0, w1, w2, w3, wantsGreatest)
    }
    if ((found !== NOTHING && !wantsGreatest) || (slot & LENGTHS_0_TO_16) === 0) return found
    return this.shorts.find(slot, w0, wantsGreatest, found)
  }

  #choose(
    hits: number,
    spilled: number,
    longestAt: number,
    longAt: number,
    middleAt: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    wantsGreatest: boolean,
  ): number {
    const ints = this.#ints
    let changes = read(ints, CHANGES)
    for (;;) {
      let found = NOTHING
      let leastMissing = 128
      for (let left = hits; left !== 0; left &= left - 1) {
        const i = 31 - Math.clz32(left & -left)
        const line = i < PLACES6 ? longestAt : i < 2 * PLACES6 ? longAt : middleAt
        const place = i % PLACES6
        const missing = missing6(read(ints, line), place)
        const placeAt = line + place * PLACE_INTS6
        if (!isCovered6(ints, placeAt + PREFIX6, missing, w0, w1, w2, w3)) continue
        const value = ~read(ints, placeAt + VALUE6)
        if (value === NOTHING || (wantsGreatest ? value < found : missing > leastMissing)) continue
        found = value
        leastMissing = missing
      }
      if (spilled !== 0) found = this.#amongSpilled(spilled, leastMissing, w0, w1, w2, w3, wantsGreatest, found)
      if (found === NOTHING || read(this.#changes, 0) === changes) return found
      // By a call: across one no compiler takes an earlier read for the next.
      changes = Atomics.load(ints, CHANGES)
    }
  }

  /** The lengths that the marks name, and that are spilled anywhere at all; the longest first. */
  #amongSpilled(
    spilled: number,
    leastMissing: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    wantsGreatest: boolean,
    soFar: number,
  ): number {
    let found = soFar
    for (let word = 4; word >= 0; word--) {
      let lengths = this.#ints[HEADER.spilledV6 + word]
      while (lengths !== 0) {
        const bit = 31 - Math.clz32(lengths)
        lengths ^= 1 << bit
        const length = word * 32 + bit
        if ((spilled & (1 << spillBitV6(length))) === 0) continue
        if (!wantsGreatest && 128 - length > leastMissing) return found
        const value = this.#spilled(length, w0, w1, w2, w3)
        if (value === NOTHING) continue
        if (!wantsGreatest) return value
        if (value > found) found = value
      }
    }
    return found
  }

  #spilled(length: number, w0: number, w1: number, w2: number, w3: number): number {
    const ints = this.#ints
    const p0 = keepBits(w0, length)
    const p1 = keepBits(w1, length - 32)
    const p2 = keepBits(w2, length - 64)
    const p3 = keepBits(w3, length - 96)
    let line = this.#lineAt(hashOfPrefix(this.#seed, this.#secondSeed, length, p0, p1, p2, p3))
    for (;;) {
      const value = this.#valueIn(line, 128 - length, w0, w1, w2, w3)
      if (value !== NOTHING || (ints[line] & PASSED_ON) === 0) return value
      line = line + LINE_INTS === this.#linesEnd ? this.#linesAt : line + LINE_INTS
    }
  }

  #valueIn(line: number, missing: number, w0: number, w1: number, w2: number, w3: number): number {
    const ints = this.#ints
    const codes = read(ints, line)
    for (let place = 0; place < PLACES6; place++) {
      const at = line + place * PLACE_INTS6
      if (missing6(codes, place) !== missing || !isCovered6(ints, at + PREFIX6, missing, w0, w1, w2, w3)) continue
      const value = ~read(ints, at + VALUE6)
      if (value !== NOTHING) return value
    }
    return NOTHING
  }

  /** The value of the prefix of this length, longer than 16, that covers the address. Not for workers. */
  valueOf(length: number, w0: number, w1: number, w2: number, w3: number): number {
    const ints = this.#ints
    const { groupBits } = tierOf(6, length)
    const [g0, g1] = [keepBits(w0, groupBits), keepBits(w1, groupBits - 32)]
    const line = this.#lineAt(hashOfGroup(this.#secondSeed, groupBits, g0, g1))
    for (;;) {
      const changes = Atomics.load(ints, CHANGES)
      let value = this.#valueIn(line, 128 - length, w0, w1, w2, w3)
      if (value === NOTHING) value = this.#spilled(length, w0, w1, w2, w3)
      if (value === NOTHING || Atomics.load(ints, CHANGES) === changes) return value
    }
  }

  #lineAt(hash: number): number {
    return placeOf(this.#linesAt, this.#linesFactor, this.#linesShift, hash)
  }
}
