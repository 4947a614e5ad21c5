/** The one writer of a prefix table: every change is seen by all readers at once, prefix by prefix. */
import { randomInt } from 'node:crypto'
import type { IpFamily, Network } from './ip.ts'
import {
  MARKS_V4,
  MISSING_V4,
  missingV4,
  missingV6,
  PASSED,
  PLACE_INTS_V6,
  PLACES_V4,
  PLACES_V6,
  PREFIX_V4,
  PREFIX_V6,
  SPILL_CLASSES_MAX,
  spillBitV4,
  spillBitV6,
  tagOf,
  TAGS_IN_FIRST_WORD,
  VALUE_V4,
  VALUE_V6,
} from './prefix-lines.ts'
import {
  groupHash,
  HEADER,
  keepBits,
  LINE_INTS,
  lineAt,
  type LineTable,
  type PrefixCapacity,
  prefixHash,
  shapeOf,
  shortIndex,
  SLOT_LENGTH_MAX,
  SLOTS_V4_AT,
  SLOTS_V6_AT,
  tierOf,
  wordAt,
} from './prefix-memory.ts'
import { NO_PREFIX } from './prefix-table.ts'

const TWO_TO_32 = 2 ** 32
const SLOT_COUNT = 0x1_0000
const TIERS = 3
/** The slot bit of the first tier, as its place. */
const FIRST_TIER_BIT = 17
const LENGTHS = 129
/** A count that got there stays, and so does its mark: which costs lookups and no answer. */
const MARK_COUNT_MAX = 0xffff
const NOWHERE = -1

/** One family: where it is, and what the writer keeps about it so that marks can go again. */
interface Family {
  readonly version: IpFamily
  readonly lines: LineTable
  readonly places: number
  readonly capacity: number
  readonly slotsAt: number
  readonly shortsAt: number
  /** How many prefixes hold each tier's bit of a slot. */
  readonly tierCounts: Uint32Array
  /** How many prefixes of each bit of its marks a line has spilled, and how many it has passed on. */
  readonly spillCounts: Uint16Array
  readonly passedCounts: Uint16Array
  readonly spilledLengthCounts: Uint32Array
  count: number
}

export class PrefixTableWriter {
  readonly memory: SharedArrayBuffer
  readonly #ints: Int32Array
  readonly #v4: Family
  readonly #v6: Family
  readonly #seed = randomInt(TWO_TO_32) | 0
  readonly #secondSeed = randomInt(TWO_TO_32) | 0
  // The prefix that is worked on, the line of its group, and that of its own hash.
  #family: Family
  #length = 0
  #w0 = 0
  #w1 = 0
  #w2 = 0
  #w3 = 0
  #groupHash = 0
  #ownHash = 0
  #groupLine = 0
  #ownLine = 0
  // Where #find found it.
  #line = 0
  #place = 0

  /**
   * Shared memory: 512 KiB of slots, for each family that there is 512 KiB of short prefixes, and 25 to 31 bytes for each
   * IPv4 prefix, 58 to 73 for each of IPv6. The writer has 13 to 16 and 31 to 39 bytes more for each, and 2 MiB.
   */
  static bytes(capacity: PrefixCapacity): number {
    return shapeOf(capacity).ints * 4
  }

  /** `memory` is new: nothing is in it, and nobody else writes to it. */
  constructor(capacity: PrefixCapacity, memory = new SharedArrayBuffer(PrefixTableWriter.bytes(capacity))) {
    const { shortsV4At, shortsV6At, linesV4, linesV6, ints } = shapeOf(capacity)
    this.memory = memory
    this.#ints = new Int32Array(memory, 0, ints)
    this.#v4 = makeFamily(4, linesV4, capacity.v4, shortsV4At)
    this.#v6 = makeFamily(6, linesV6, capacity.v6, shortsV6At)
    this.#family = this.#v4
    this.#ints[HEADER.seed] = this.#seed
    this.#ints[HEADER.secondSeed] = this.#secondSeed
    this.#ints[HEADER.capacityV4] = capacity.v4
    this.#ints[HEADER.capacityV6] = capacity.v6
  }

  get count(): number {
    return this.#v4.count + this.#v6.count
  }

  /** Adds the prefix or gives it another value (0 to 2^31 - 1); false when the table is full. */
  set(network: Network, value: number): boolean {
    this.#take(network.bytes, network.prefixLength)
    const found = this.#find()
    if (found !== NOWHERE) {
      Atomics.store(this.#ints, found, ~value)
      return true
    }
    if (this.#family.count === this.#family.capacity) return false
    if (this.#length <= SLOT_LENGTH_MAX) Atomics.store(this.#ints, this.#shortAt(), ~value)
    else this.#write(this.#findRoom(), ~value)
    this.#announce(1)
    return true
  }

  /** False when it was not there. */
  delete(network: Network): boolean {
    this.#take(network.bytes, network.prefixLength)
    const at = this.#find()
    if (at === NOWHERE) return false
    Atomics.store(this.#ints, at, 0)
    if (this.#length > SLOT_LENGTH_MAX && this.#line !== this.#groupLine) this.#takeMarksBack()
    this.#announce(-1)
    return true
  }

  /** The value of exactly this prefix, or NO_PREFIX. */
  get(network: Network): number {
    this.#take(network.bytes, network.prefixLength)
    const at = this.#find()
    return at === NOWHERE ? NO_PREFIX : ~this.#ints[at]
  }

  #take(bytes: Uint8Array, length: number): void {
    const isV6 = bytes.length === 16
    this.#family = isV6 ? this.#v6 : this.#v4
    this.#length = length
    this.#w0 = keepBits(wordAt(bytes, 0), length)
    this.#w1 = isV6 ? keepBits(wordAt(bytes, 4), length - 32) : 0
    this.#w2 = isV6 ? keepBits(wordAt(bytes, 8), length - 64) : 0
    this.#w3 = isV6 ? keepBits(wordAt(bytes, 12), length - 96) : 0
    if (length <= SLOT_LENGTH_MAX) return
    const { groupBits } = this.#tier()
    const [g0, g1] = [keepBits(this.#w0, groupBits), keepBits(this.#w1, groupBits - 32)]
    this.#groupHash = groupHash(this.#secondSeed, groupBits, g0, g1)
    this.#ownHash = prefixHash(this.#seed, this.#secondSeed, length, this.#w0, this.#w1, this.#w2, this.#w3)
    this.#groupLine = this.#lineOf(this.#groupHash)
    this.#ownLine = this.#lineOf(this.#ownHash)
  }

  #lineOf(hash: number): number {
    const { at, factor, shift } = this.#family.lines
    return lineAt(at, factor, shift, hash)
  }

  #after(line: number): number {
    const { at, end } = this.#family.lines
    return line + LINE_INTS === end ? at : line + LINE_INTS
  }

  #shortAt(): number {
    return this.#family.shortsAt + shortIndex(this.#w0, this.#length)
  }

  /** Where the value of the prefix is, or NOWHERE. */
  #find(): number {
    if (this.#length <= SLOT_LENGTH_MAX) return this.#findShort()
    if (this.#isIn(this.#groupLine)) return this.#valueAt(this.#line, this.#place)
    if ((this.#ints[this.#spilledAt(this.#groupLine)] & (1 << this.#spillBit())) === 0) return NOWHERE
    for (let line = this.#ownLine; ; line = this.#after(line)) {
      if (this.#isIn(line)) return this.#valueAt(this.#line, this.#place)
      if ((this.#ints[this.#passedAt(line)] & PASSED) === 0) return NOWHERE
    }
  }

  #findShort(): number {
    if (this.#family.capacity === 0) return NOWHERE
    const at = this.#shortAt()
    return this.#ints[at] === 0 ? NOWHERE : at
  }

  #isIn(line: number): boolean {
    for (let place = 0; place < this.#family.places; place++) {
      if (this.#ints[this.#valueAt(line, place)] === 0 || !this.#isAt(line, place)) continue
      this.#line = line
      this.#place = place
      return true
    }
    return false
  }

  #isAt(line: number, place: number): boolean {
    const ints = this.#ints
    if (this.#family === this.#v4) {
      return (
        ints[line + PREFIX_V4 + place] === this.#w0 && missingV4(ints[line + MISSING_V4], place) === 32 - this.#length
      )
    }
    if (missingV6(ints[line], place) !== 128 - this.#length) return false
    const at = line + PREFIX_V6 + place * PLACE_INTS_V6
    if (ints[at] !== this.#w0 || ints[at + 1] !== this.#w1) return false
    return ints[at + 2] === this.#w2 && ints[at + 3] === this.#w3
  }

  #valueAt(line: number, place: number): number {
    return this.#family === this.#v4 ? line + VALUE_V4 + place : line + VALUE_V6 + place * PLACE_INTS_V6
  }

  #freePlace(line: number): number {
    for (let place = 0; place < this.#family.places; place++) {
      if (this.#ints[this.#valueAt(line, place)] === 0) return place
    }
    return NOWHERE
  }

  /** The line where the prefix goes. Marks come before what they tell of. */
  #findRoom(): number {
    if (this.#freePlace(this.#groupLine) !== NOWHERE) return this.#groupLine
    this.#countSpill(1)
    let line = this.#ownLine
    while (this.#freePlace(line) === NOWHERE) {
      this.#countPassed(line, 1)
      line = this.#after(line)
    }
    return line
  }

  #takeMarksBack(): void {
    this.#countSpill(-1)
    for (let line = this.#ownLine; line !== this.#line; line = this.#after(line)) this.#countPassed(line, -1)
  }

  /**
   * Readers pass over the place until its value is there. One who has seen the prefix that was here before, or half of
   * it, and then the value of this one, sees after it that the count of changes is another, and looks again.
   */
  #write(line: number, stored: number): void {
    const ints = this.#ints
    const place = this.#freePlace(line)
    if (this.#family === this.#v4) {
      Atomics.store(ints, line + PREFIX_V4 + place, this.#w0)
      this.#storeBits(line + MISSING_V4, place * 4, 15, 32 - this.#length)
      const tag = tagOf(line === this.#groupLine ? this.#groupHash : this.#ownHash)
      this.#storeBits(line + (place < TAGS_IN_FIRST_WORD ? 0 : 1), (place % TAGS_IN_FIRST_WORD) * 8, 0xff, tag)
    } else {
      const at = line + PREFIX_V6 + place * PLACE_INTS_V6
      Atomics.store(ints, at, this.#w0)
      Atomics.store(ints, at + 1, this.#w1)
      Atomics.store(ints, at + 2, this.#w2)
      Atomics.store(ints, at + 3, this.#w3)
      this.#storeBits(line, place * 7, 127, 128 - this.#length)
    }
    Atomics.add(ints, HEADER.changes, 1)
    Atomics.store(ints, this.#valueAt(line, place), stored)
  }

  #storeBits(at: number, shift: number, mask: number, bits: number): void {
    Atomics.store(this.#ints, at, (this.#ints[at] & ~(mask << shift)) | (bits << shift))
  }

  #spilledAt(line: number): number {
    return this.#family === this.#v4 ? line + MARKS_V4 : line
  }

  #passedAt(line: number): number {
    return this.#family === this.#v4 ? line + MISSING_V4 : line
  }

  #spillBit(): number {
    return this.#family === this.#v4 ? spillBitV4(this.#length) : spillBitV6(this.#length)
  }

  #countSpill(change: 1 | -1): void {
    const { lines, spillCounts, spilledLengthCounts, version } = this.#family
    const bit = this.#spillBit()
    const at = ((this.#groupLine - lines.at) / LINE_INTS) * SPILL_CLASSES_MAX + (bit % SPILL_CLASSES_MAX)
    this.#count(spillCounts, at, this.#spilledAt(this.#groupLine), bit, change)
    spilledLengthCounts[this.#length] += change
    if (version === 4) return
    this.#setBit(HEADER.spilledV6 + (this.#length >>> 5), this.#length & 31, spilledLengthCounts[this.#length] > 0)
  }

  #countPassed(line: number, change: 1 | -1): void {
    const { lines, passedCounts } = this.#family
    this.#count(passedCounts, (line - lines.at) / LINE_INTS, this.#passedAt(line), 31, change)
  }

  /** Sets the bit with the first, takes it away with the last. */
  #count(counts: Uint16Array, i: number, at: number, bit: number, change: 1 | -1): void {
    if (counts[i] === MARK_COUNT_MAX) return
    counts[i] += change
    this.#setBit(at, bit, counts[i] > 0)
  }

  /** Lets lookups know of the prefix, or of its end. */
  #announce(change: 1 | -1): void {
    this.#family.count += change
    Atomics.store(this.#ints, HEADER.count, this.count)
    if (this.#length <= SLOT_LENGTH_MAX) this.#announceInSlots(change)
    else this.#countTier(change)
  }

  #announceInSlots(change: 1 | -1): void {
    const first = this.#family.slotsAt + (this.#w0 >>> 16)
    const slots = 2 ** (SLOT_LENGTH_MAX - this.#length)
    for (let at = first; at < first + slots; at++) this.#setBit(at, this.#length, change === 1)
  }

  #countTier(change: 1 | -1): void {
    const { tierCounts, slotsAt } = this.#family
    const bit = 31 - Math.clz32(this.#tier().slotBit)
    const slot = this.#w0 >>> 16
    const at = slot * TIERS + bit - FIRST_TIER_BIT
    tierCounts[at] += change
    this.#setBit(slotsAt + slot, bit, tierCounts[at] > 0)
  }

  #tier() {
    return tierOf(this.#family.version, this.#length)
  }

  #setBit(at: number, bit: number, isSet: boolean): void {
    const before = this.#ints[at]
    const after = isSet ? before | (1 << bit) : before & ~(1 << bit)
    if (after !== before) Atomics.store(this.#ints, at, after)
  }
}

function makeFamily(version: IpFamily, lines: LineTable, capacity: number, shortsAt: number): Family {
  return {
    version,
    lines,
    places: version === 4 ? PLACES_V4 : PLACES_V6,
    capacity,
    slotsAt: version === 4 ? SLOTS_V4_AT : SLOTS_V6_AT,
    shortsAt,
    tierCounts: new Uint32Array(SLOT_COUNT * TIERS),
    spillCounts: new Uint16Array(lines.count * SPILL_CLASSES_MAX),
    passedCounts: new Uint16Array(lines.count),
    spilledLengthCounts: new Uint32Array(LENGTHS),
    count: 0,
  }
}
