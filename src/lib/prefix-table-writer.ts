/** The one writer of a prefix table: every change is seen by all readers at once, prefix by prefix. */
import { randomInt } from 'node:crypto'
import { LINE_INTS } from './cache-line.ts'
import type { Network } from './ip.ts'
import { type Family, makeFamily, TIERS_MAX } from './prefix-family.ts'
import { digestBitsV4, digestOfV4, digestOfV6, withPlaceV6 } from './prefix-digests.ts'
import {
  MARKS_V4,
  MISSING_V4,
  missingV4,
  missingV6,
  PASSED,
  PLACE_INTS_V6,
  PREFIX_V4,
  PREFIX_V6,
  SPILL_CLASSES_MAX,
  spillBitV4,
  spillBitV6,
  tagOf,
  tagShift,
  tagWord,
  VALUE_V4,
  VALUE_V6,
} from './prefix-lines.ts'
import {
  anyGroupHash,
  HEADER,
  keepBits,
  lineAt,
  lineOf,
  type PrefixCapacity,
  prefixHash,
  shapeOf,
  shortIndex,
  SLOT_LENGTH_MAX,
  tierOf,
  wordAt,
} from './prefix-memory.ts'
import { NO_PREFIX } from './prefix-table.ts'

const TWO_TO_32 = 2 ** 32
/** The slot bit of the first tier, as its place. */
const FIRST_TIER_BIT = 17
/** A count that got there stays, and so does its mark: which costs lookups and no answer. */
const MARK_COUNT_MAX = 0xffff
const NOWHERE = -1

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
   * Shared memory: 512 KiB of slots, for each family that there is 512 KiB of short prefixes, and 26 to 33 bytes for each
   * IPv4 prefix, 60 to 75 for each of IPv6. The writer has 13 to 16 and 31 to 39 bytes more for each, and 2 MiB.
   */
  static bytes(capacity: PrefixCapacity): number {
    return shapeOf(capacity).ints * 4
  }

  /** `memory` is new: nothing is in it, and nobody else writes to it. */
  constructor(capacity: PrefixCapacity, memory = new SharedArrayBuffer(PrefixTableWriter.bytes(capacity))) {
    const { shortsV4At, shortsV6At, linesV4, linesV6, ints } = shapeOf(capacity)
    this.memory = memory
    this.#ints = new Int32Array(memory, 0, ints)
    this.#v4 = makeFamily(4, memory, linesV4, capacity.v4, shortsV4At)
    this.#v6 = makeFamily(6, memory, linesV6, capacity.v6, shortsV6At)
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
    if (this.#length > SLOT_LENGTH_MAX) {
      this.#renewDigest(this.#line)
      if (this.#line !== this.#groupLine) this.#takeMarksBack()
    }
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
    this.#groupHash = anyGroupHash(this.#seed, this.#secondSeed, groupBits, this.#w0, this.#w1)
    this.#ownHash = prefixHash(this.#seed, this.#secondSeed, length, this.#w0, this.#w1, this.#w2, this.#w3)
    this.#groupLine = this.#lineOf(this.#groupHash)
    this.#ownLine = this.#lineOf(this.#ownHash)
  }

  #lineOf(hash: number): number {
    const { at, factor, shift } = this.#family.lines
    return lineAt(at, lineOf(factor, shift, hash))
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
    const hash = line === this.#groupLine ? this.#groupHash : this.#ownHash
    this.#noteInDigest(line, place, hash)
    if (this.#family === this.#v4) {
      Atomics.store(ints, line + PREFIX_V4 + place, this.#w0)
      this.#storeBits(line + MISSING_V4, place * 4, 15, 32 - this.#length)
      this.#storeBits(line + tagWord(place), tagShift(place), 0xff, tagOf(hash))
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

  #numberOf(line: number): number {
    return (line - this.#family.lines.at) / LINE_INTS
  }

  /** Before the value is there: nobody is to be told that nothing is. */
  #noteInDigest(line: number, place: number, hash: number): void {
    const { digests } = this.#family
    const i = this.#numberOf(line)
    const isV4 = this.#family === this.#v4
    Atomics.store(digests, i, isV4 ? digests[i] | digestBitsV4(hash) : withPlaceV6(digests[i], place, hash))
  }

  /** After something has left the line, or its marks have become others. */
  #renewDigest(line: number): void {
    const { digests } = this.#family
    const i = this.#numberOf(line)
    const isV4 = this.#family === this.#v4
    Atomics.store(digests, i, isV4 ? digestOfV4(this.#ints, line) : digestOfV6(this.#ints, line, digests[i]))
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
    const { spillCounts, spilledLengthCounts, version } = this.#family
    const bit = this.#spillBit()
    const at = this.#numberOf(this.#groupLine) * SPILL_CLASSES_MAX + (bit % SPILL_CLASSES_MAX)
    this.#count(spillCounts, at, this.#spilledAt(this.#groupLine), bit, change)
    this.#renewDigest(this.#groupLine)
    spilledLengthCounts[this.#length] += change
    if (version === 4) return
    this.#setBit(HEADER.spilledV6 + (this.#length >>> 5), this.#length & 31, spilledLengthCounts[this.#length] > 0)
  }

  #countPassed(line: number, change: 1 | -1): void {
    const { passedCounts } = this.#family
    this.#count(passedCounts, this.#numberOf(line), this.#passedAt(line), 31, change)
    this.#renewDigest(line)
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
    const at = slot * TIERS_MAX + bit - FIRST_TIER_BIT
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
