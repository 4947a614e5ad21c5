/** What a prefix table knows of IPv6, for readers. */
import { LINE_INTS } from './cache-line.ts'
import { MARKED_V6, matchesV6, placeOfMatchV6 } from './prefix-digests.ts'
import {
  isCoveredV6,
  hitsLongestV6,
  hitsLongV6,
  hitsWideV6,
  MASKS_V6,
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
  SPILLED_WIDE_V6,
  VALUE_V6,
} from './prefix-lines.ts'
import {
  anyGroupHash,
  groupHash,
  HEADER,
  keepBits,
  lineAt,
  lineOf,
  longGroupHash,
  prefixHash,
  shapeOf,
  SLOTS_V6_AT,
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
const LONGEST_BITS_V6 = TIER.v6Longest.groupBits
const LONG_BITS_V6 = TIER.v6Long.groupBits
const MIDDLE_BITS_V6 = TIER.v6Middle.groupBits
const SELDOM_V6 = TIER.v6Wide.slotBit | LENGTHS_0_TO_16
const WIDE_BITS_V6 = TIER.v6Wide.groupBits
const HAS_WIDE_V6 = TIER.v6Wide.slotBit
const SPILLED_IN_LONGEST_V6 = SPILLED_LONGEST_V6
const SPILLED_IN_LONG_V6 = SPILLED_LONG_V6
const SPILLED_IN_MIDDLE_V6 = SPILLED_MIDDLE_V6
const SPILLED_IN_WIDE_V6 = SPILLED_WIDE_V6
// As in prefixes-v4.ts.
const MISSING_IN_LONGEST_V6 = 128 - LONGEST_BITS_V6
const MISSING_IN_LONG_V6 = 128 - LONG_BITS_V6
const MISSING_IN_MIDDLE_V6 = 128 - MIDDLE_BITS_V6
const MISSING_IN_WIDE_V6 = 128 - WIDE_BITS_V6
const SLOTS_V6 = SLOTS_V6_AT
const PREFIX6 = PREFIX_V6
const VALUE6 = VALUE_V6
const PLACES6 = PLACES_V6
const PLACE_INTS6 = PLACE_INTS_V6
const CHANGES = HEADER.changes
const PASSED_ON = PASSED
const hashOfGroup = groupHash
const hashOfLongGroup = longGroupHash
const hashOfPrefix = prefixHash
const lineFor = lineOf
const placeOf = lineAt
const matches6 = matchesV6
const placeOfMatch6 = placeOfMatchV6
const MARKED6 = MARKED_V6
const hitsLongest6 = hitsLongestV6
const hitsLong6 = hitsLongV6
const hitsWide6 = hitsWideV6
const read = readInOrder
const MASKS6 = MASKS_V6
const missing6 = missingV6
const isCovered6 = isCoveredV6

export class PrefixesV6 {
  readonly shorts: ShortPrefixes
  readonly #ints: Int32Array
  readonly #digests: Uint16Array
  /** The same count by another way, so that a compiler that has it does not take it for the same. */
  readonly #changes: Int32Array
  // As in prefixes-v4.ts: with a number from the start.
  readonly #linesAt: number = 0
  readonly #linesEnd: number = 0
  readonly #linesFactor: number = 0
  readonly #linesShift: number = 0
  readonly #seed: number = 0
  readonly #secondSeed: number = 0

  constructor(memory: SharedArrayBuffer) {
    const ints = new Int32Array(memory)
    this.#ints = ints
    this.#changes = new Int32Array(memory, HEADER.changes * 4, 1)
    const shape = shapeOf({ v4: ints[HEADER.capacityV4], v6: ints[HEADER.capacityV6] })
    this.shorts = new ShortPrefixes(ints, SLOTS_V6, shape.shortsV6At)
    const { count, at, end, factor, shift, digestsAtByte } = shape.linesV6
    this.#digests = new Uint16Array(memory, digestsAtByte, count)
    this.#linesAt = at
    this.#linesEnd = end
    this.#linesFactor = factor
    this.#linesShift = shift
    this.#seed = ints[HEADER.seed]
    this.#secondSeed = ints[HEADER.secondSeed]
  }

  /** As `find` of prefixes-v4.ts: what is seldom is called, and what is usual stands here. */
  find(view: DataView, at: number, wantsGreatest: boolean): number {
    const ints = this.#ints
    const w0 = view.getInt32(at)
    const slot = ints[SLOTS_V6 + (w0 >>> 16)]
    if (slot === 0) return NOTHING
    const w1 = view.getInt32(at + 4)
    let found = NOTHING
    const longestHash = hashOfLongGroup(this.#seed, this.#secondSeed, LONGEST_BITS_V6, w0, w1)
    const longestLine = lineFor(this.#linesFactor, this.#linesShift, longestHash)
    const matches = matches6(this.#digests[longestLine], longestHash)
    if (matches !== 0) {
      const lineAt = placeOf(this.#linesAt, longestLine)
      const changes = read(ints, CHANGES)
      let isSure = ((matches & (matches - 1)) | (matches & MARKED6)) === 0
      if (isSure) {
        const place = placeOfMatch6(matches)
        const missing = missing6(read(ints, lineAt), place)
        const placeAt = (lineAt + place * PLACE_INTS6) | 0
        const mask = missing << 2
        const differs =
          (read(ints, (placeAt + PREFIX6) | 0) ^ w0) |
          ((read(ints, (placeAt + PREFIX6 + 1) | 0) ^ w1) & MASKS6[mask + 1]) |
          ((read(ints, (placeAt + PREFIX6 + 2) | 0) ^ view.getInt32(at + 8)) & MASKS6[mask + 2]) |
          ((read(ints, (placeAt + PREFIX6 + 3) | 0) ^ view.getInt32(at + 12)) & MASKS6[mask + 3])
        if (differs === 0 && missing <= MISSING_IN_LONGEST_V6) found = ~read(ints, (placeAt + VALUE6) | 0)
        isSure = read(this.#changes, 0) === changes
      }
      if (!isSure) found = this.#findInLongest(lineAt, view, at, wantsGreatest)
      if (found !== NOTHING && !wantsGreatest) return found
    }
    const longHash = hashOfLongGroup(this.#seed, this.#secondSeed, LONG_BITS_V6, w0, w1)
    const longLine = lineFor(this.#linesFactor, this.#linesShift, longHash)
    if (matches6(this.#digests[longLine], longHash) !== 0) {
      const other = this.#findInLong(longLine, SPILLED_IN_LONG_V6, MISSING_IN_LONG_V6, view, at, wantsGreatest)
      if (other > found) found = other
      if (found !== NOTHING && !wantsGreatest) return found
    }
    const middleHash = hashOfGroup(this.#seed, MIDDLE_BITS_V6, w0)
    const middleLine = lineFor(this.#linesFactor, this.#linesShift, middleHash)
    if (matches6(this.#digests[middleLine], middleHash) !== 0) {
      const other = this.#findInLong(middleLine, SPILLED_IN_MIDDLE_V6, MISSING_IN_MIDDLE_V6, view, at, wantsGreatest)
      if (other > found) found = other
      if (found !== NOTHING && !wantsGreatest) return found
    }
    return (slot & SELDOM_V6) === 0 ? found : this.#findWide(slot, view, at, wantsGreatest, found)
  }

  #findInLongest(lineAt: number, view: DataView, at: number, wantsGreatest: boolean): number {
    const hits = hitsLongest6(this.#ints, lineAt, view.getInt32(at + 4))
    const spilled = this.#ints[lineAt] & SPILLED_IN_LONGEST_V6
    return this.#choose(lineAt, hits, spilled, MISSING_IN_LONGEST_V6, view, at, wantsGreatest)
  }

  /** Of the tiers of 40 and 32. */
  #findInLong(
    line: number,
    spilledMask: number,
    missingMax: number,
    view: DataView,
    at: number,
    wantsGreatest: boolean,
  ): number {
    const ints = this.#ints
    const lineAt = placeOf(this.#linesAt, line)
    const hits = hitsLong6(ints, lineAt, view.getInt32(at), view.getInt32(at + 4))
    const spilled = ints[lineAt] & spilledMask
    return (hits | spilled) === 0 ? NOTHING : this.#choose(lineAt, hits, spilled, missingMax, view, at, wantsGreatest)
  }

  /** What is shorter than 32. */
  #findWide(slot: number, view: DataView, at: number, wantsGreatest: boolean, soFar: number): number {
    const ints = this.#ints
    const w0 = view.getInt32(at)
    let found = soFar
    if ((slot & HAS_WIDE_V6) !== 0) {
      const hash = hashOfGroup(this.#seed, WIDE_BITS_V6, w0 & -0x1_0000)
      const line = lineFor(this.#linesFactor, this.#linesShift, hash)
      if (matches6(this.#digests[line], hash) !== 0) {
        const lineAt = placeOf(this.#linesAt, line)
        const spilled = ints[lineAt] & SPILLED_IN_WIDE_V6
        found = Math.max(
          found,
          this.#choose(lineAt, hitsWide6(ints, lineAt, w0), spilled, MISSING_IN_WIDE_V6, view, at, wantsGreatest),
        )
        if (found !== NOTHING && !wantsGreatest) return found
      }
    }
    return (slot & LENGTHS_0_TO_16) === 0 ? found : this.shorts.find(slot, w0, wantsGreatest, found)
  }

  /** `hits` says where to look; what is there may have become another meanwhile. */
  #choose(
    lineAt: number,
    hits: number,
    spilled: number,
    missingMax: number,
    view: DataView,
    at: number,
    wantsGreatest: boolean,
  ): number {
    const ints = this.#ints
    const w0 = view.getInt32(at)
    const w1 = view.getInt32(at + 4)
    const w2 = view.getInt32(at + 8)
    const w3 = view.getInt32(at + 12)
    let changes = read(ints, CHANGES)
    for (;;) {
      let found = NOTHING
      let leastMissing = missingMax
      for (let left = hits; left !== 0; left &= left - 1) {
        const place = 31 - Math.clz32(left & -left)
        const missing = missing6(read(ints, lineAt), place)
        const placeAt = (lineAt + place * PLACE_INTS6) | 0
        if (!isCovered6(ints, (placeAt + PREFIX6) | 0, missing, w0, w1, w2, w3)) continue
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
    const hash = hashOfPrefix(this.#seed, this.#secondSeed, length, p0, p1, p2, p3)
    const own = lineFor(this.#linesFactor, this.#linesShift, hash)
    if (matches6(this.#digests[own], hash) === 0) return NOTHING
    let line = placeOf(this.#linesAt, own)
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
    const hash = anyGroupHash(this.#seed, this.#secondSeed, groupBits, w0, w1)
    const line = placeOf(this.#linesAt, lineFor(this.#linesFactor, this.#linesShift, hash))
    for (;;) {
      const changes = Atomics.load(ints, CHANGES)
      let value = this.#valueIn(line, 128 - length, w0, w1, w2, w3)
      if (value === NOTHING) value = this.#spilled(length, w0, w1, w2, w3)
      if (value === NOTHING || Atomics.load(ints, CHANGES) === changes) return value
    }
  }
}
