/** What a prefix table knows of IPv4, for readers. */
import { LINE_INTS } from './cache-line.ts'
import { mayHoldV4 } from './prefix-digests.ts'
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
  lineAt,
  lineOf,
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
const SELDOM_V4 = TIER.v4Wide.slotBit | LENGTHS_0_TO_16
const HAS_WIDE_V4 = TIER.v4Wide.slotBit
const LONG_BITS_V4 = TIER.v4Long.groupBits
const MIDDLE_BITS_V4 = TIER.v4Middle.groupBits
const WIDE_BITS_V4 = TIER.v4Wide.groupBits
const SPILLED_IN_LONG_V4 = SPILLED_LONG_V4
const SPILLED_IN_MIDDLE_V4 = SPILLED_MIDDLE_V4
const SPILLED_IN_WIDE_V4 = SPILLED_WIDE_V4
// What is missing at most in a prefix of the tier. Others that cover the address may be in the same line.
const MISSING_IN_LONG_V4 = 32 - LONG_BITS_V4
const MISSING_IN_MIDDLE_V4 = 32 - MIDDLE_BITS_V4
const MISSING_IN_WIDE_V4 = 32 - WIDE_BITS_V4
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
const lineFor = lineOf
const placeOf = lineAt
const mayHold4 = mayHoldV4
const hits4 = hitsV4
const read = readInOrder
const missing4 = missingV4

/** Of one of the bits that `hitsV4` answers. No branch, which would be guessed wrong. */
function placeOfHit(bit: number): number {
  const i = 31 - Math.clz32(bit)
  return (i >>> 3) + ((~i & 1) << 2)
}

export class PrefixesV4 {
  readonly shorts: ShortPrefixes
  readonly #ints: Int32Array
  readonly #digests: Int32Array
  /** The same count by another way, so that a compiler that has it does not take it for the same. */
  readonly #changes: Int32Array
  // With a number from the start: a field that is undefined first is never known to hold a small one.
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
    this.shorts = new ShortPrefixes(ints, SLOTS_V4, shape.shortsV4At)
    const { count, at, end, factor, shift, digestsAtByte } = shape.linesV4
    this.#digests = new Int32Array(memory, digestsAtByte, count)
    this.#linesAt = at
    this.#linesEnd = end
    this.#linesFactor = factor
    this.#linesShift = shift
    this.#seed = ints[HEADER.seed]
    this.#secondSeed = ints[HEADER.secondSeed]
  }

  /**
   * The value of the longest prefix that covers the address, or the greatest of all that do. What is seldom is called, and
   * what is usual stands here: the fewer instructions there are, the earlier a processor that waits for this line begins to
   * read the next address's.
   */
  find(w0: number, wantsGreatest: boolean): number {
    const ints = this.#ints
    const slot = ints[SLOTS_V4 + (w0 >>> 16)]
    if (slot === 0) return NOTHING
    let found = NOTHING
    const longHash = hashOfGroup(this.#seed, LONG_BITS_V4, w0 & -0x100)
    const longLine = lineFor(this.#linesFactor, this.#linesShift, longHash)
    if (mayHold4(this.#digests[longLine], longHash)) {
      const at = placeOf(this.#linesAt, longLine)
      const hits = hits4(ints, at, longHash)
      const spilled = ints[at + MARKS] & SPILLED_IN_LONG_V4
      const changes = read(ints, CHANGES)
      if (hits !== 0 && ((hits & (hits - 1)) | spilled) === 0) {
        const place = placeOfHit(hits)
        const missing = missing4(read(ints, (at + MISSING) | 0), place)
        const differs = (read(ints, (at + PREFIX4 + place) | 0) ^ w0) >>> missing
        if (differs === 0 && missing <= MISSING_IN_LONG_V4) found = ~read(ints, (at + VALUE4 + place) | 0)
      }
      if ((hits & (hits - 1)) !== 0 || spilled !== 0 || read(this.#changes, 0) !== changes) {
        found = this.#choose(at, hits, spilled, MISSING_IN_LONG_V4, w0, wantsGreatest)
      }
      if (found !== NOTHING && !wantsGreatest) return found
    }
    const middleHash = hashOfGroup(this.#seed, MIDDLE_BITS_V4, w0 & -0x1000)
    const middleLine = lineFor(this.#linesFactor, this.#linesShift, middleHash)
    if (mayHold4(this.#digests[middleLine], middleHash)) {
      const other = this.#findInLine(
        middleLine,
        middleHash,
        SPILLED_IN_MIDDLE_V4,
        MISSING_IN_MIDDLE_V4,
        w0,
        wantsGreatest,
      )
      if (other > found) found = other
      if (found !== NOTHING && !wantsGreatest) return found
    }
    return (slot & SELDOM_V4) === 0 ? found : this.#findWide(slot, w0, wantsGreatest, found)
  }

  /** What is shorter than 20. */
  #findWide(slot: number, w0: number, wantsGreatest: boolean, soFar: number): number {
    let found = soFar
    if ((slot & HAS_WIDE_V4) !== 0) {
      const hash = hashOfGroup(this.#seed, WIDE_BITS_V4, w0 & -0x1_0000)
      const line = lineFor(this.#linesFactor, this.#linesShift, hash)
      if (mayHold4(this.#digests[line], hash)) {
        found = Math.max(found, this.#findInLine(line, hash, SPILLED_IN_WIDE_V4, MISSING_IN_WIDE_V4, w0, wantsGreatest))
        if (found !== NOTHING && !wantsGreatest) return found
      }
    }
    return (slot & LENGTHS_0_TO_16) === 0 ? found : this.shorts.find(slot, w0, wantsGreatest, found)
  }

  #findInLine(
    line: number,
    hash: number,
    spilledMask: number,
    missingMax: number,
    w0: number,
    wantsGreatest: boolean,
  ): number {
    const ints = this.#ints
    const at = placeOf(this.#linesAt, line)
    const hits = hits4(ints, at, hash)
    const spilled = ints[at + MARKS] & spilledMask
    return (hits | spilled) === 0 ? NOTHING : this.#choose(at, hits, spilled, missingMax, w0, wantsGreatest)
  }

  /** `hits` says where to look; what is there may have become another meanwhile. */
  #choose(at: number, hits: number, spilled: number, missingMax: number, w0: number, wantsGreatest: boolean): number {
    const ints = this.#ints
    let changes = read(ints, CHANGES)
    for (;;) {
      let found = NOTHING
      let leastMissing = missingMax
      for (let left = hits; left !== 0; left &= left - 1) {
        const place = placeOfHit(left & -left)
        const missing = missing4(read(ints, at + MISSING), place)
        if ((read(ints, at + PREFIX4 + place) ^ w0) >>> missing !== 0) continue
        const value = ~read(ints, at + VALUE4 + place)
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
    const hash = hashOfPrefix(this.#seed, this.#secondSeed, 32 - missing, prefix, 0, 0, 0)
    const own = lineFor(this.#linesFactor, this.#linesShift, hash)
    if (!mayHold4(this.#digests[own], hash)) return NOTHING
    let line = placeOf(this.#linesAt, own)
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
    const hash = hashOfGroup(this.#seed, groupBits, keepBits(w0, groupBits))
    const line = placeOf(this.#linesAt, lineFor(this.#linesFactor, this.#linesShift, hash))
    const prefix = keepBits(w0, length)
    for (;;) {
      const changes = Atomics.load(ints, CHANGES)
      let value = this.#valueIn(line, 32 - length, prefix)
      if (value === NOTHING) value = this.#spilled(32 - length, prefix)
      if (value === NOTHING || Atomics.load(ints, CHANGES) === changes) return value
    }
  }
}
