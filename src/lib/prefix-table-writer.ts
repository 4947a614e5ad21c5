/** The one writer of a prefix table: every change is seen by all readers at once, prefix by prefix. */
import { randomInt } from 'node:crypto'
import type { Network } from './ip.ts'
import {
  BLOCK_BITS,
  BLOCK_INTS,
  ENTRY,
  FILTER_AT,
  filterBit,
  GENERATION_STEP,
  groupHash,
  HEADER,
  keepBits,
  KIND,
  KIND_BITS,
  placesOf,
  prefixHash,
  shapeOf,
  SLOT_LENGTH_MAX,
  SLOTS_V4_AT,
  SLOTS_V6_AT,
  tierOf,
  wordAt,
} from './prefix-memory.ts'
import type { EntryTable, PrefixCapacity } from './prefix-memory.ts'
import { NO_PREFIX } from './prefix-table.ts'

const TWO_TO_32 = 2 ** 32
const SLOT_COUNT = 0x1_0000
const TIERS = 3
/** The slot bit of the first tier, as its place. */
const FIRST_TIER_BIT = 17
const LENGTHS = 129
/** A count of the filter that got there stays: its bit is set for good, which costs lookups and no answer. */
const FILTER_COUNT_MAX = 255

/** The entries of one family, and what the writer keeps about them. */
interface Family {
  readonly table: EntryTable
  readonly capacity: number
  readonly slotsAt: number
  readonly lengthsAt: number
  /** How many prefixes hold each tier's bit of a slot, and each length, so that bits can go again. */
  readonly tierCounts: Uint32Array
  readonly lengthCounts: Uint32Array
  count: number
}

export class PrefixTableWriter {
  readonly memory: SharedArrayBuffer
  readonly #ints: Int32Array
  readonly #v4: Family
  readonly #v6: Family
  readonly #blockShift: number
  readonly #seed = randomInt(TWO_TO_32) | 0
  readonly #secondSeed = randomInt(TWO_TO_32) | 0
  /** How many prefixes hold each bit of the filter. */
  readonly #filterCounts: Uint8Array
  // The prefix that is worked on.
  #family: Family
  #length = 0
  #kind = 0
  #w0 = 0
  #w1 = 0
  #w2 = 0
  #w3 = 0
  #hash = 0

  /**
   * Shared memory: 512 KiB of slots, and by the next powers of two at least 22 bytes for each IPv4 prefix, 40 for each of
   * IPv6, at most twice that. The writer has 32 to 64 bytes more for each, and 2 MiB.
   */
  static bytes(capacity: PrefixCapacity): number {
    return shapeOf(capacity).ints * 4
  }

  /** `memory` is new: nothing is in it, and nobody else writes to it. */
  constructor(capacity: PrefixCapacity, memory = new SharedArrayBuffer(PrefixTableWriter.bytes(capacity))) {
    const { blockShift, entriesV4, entriesV6, ints } = shapeOf(capacity)
    this.memory = memory
    this.#ints = new Int32Array(memory, 0, ints)
    this.#v4 = makeFamily(entriesV4, capacity.v4, SLOTS_V4_AT, HEADER.lengthsV4)
    this.#v6 = makeFamily(entriesV6, capacity.v6, SLOTS_V6_AT, HEADER.lengthsV6)
    this.#family = this.#v4
    this.#blockShift = blockShift
    this.#filterCounts = new Uint8Array(placesOf(blockShift) * BLOCK_BITS)
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
    if (found !== -1) {
      Atomics.store(this.#ints, found + ENTRY.value, value)
      return true
    }
    if (this.#family.count === this.#family.capacity) return false
    this.#write(this.#emptyPlace(), value)
    this.#announce(1)
    return true
  }

  /** False when it was not there. */
  delete(network: Network): boolean {
    this.#take(network.bytes, network.prefixLength)
    const at = this.#find()
    if (at === -1) return false
    this.#setKind(at, KIND.gone)
    this.#announce(-1)
    this.#close(at)
    return true
  }

  /** The value of exactly this prefix, or NO_PREFIX. */
  get(network: Network): number {
    this.#take(network.bytes, network.prefixLength)
    const at = this.#find()
    return at === -1 ? NO_PREFIX : this.#ints[at + ENTRY.value]
  }

  #take(bytes: Uint8Array, length: number): void {
    const isV6 = bytes.length === 16
    this.#family = isV6 ? this.#v6 : this.#v4
    this.#length = length
    this.#kind = (isV6 ? KIND.v6 : KIND.v4) + length
    this.#w0 = keepBits(wordAt(bytes, 0), length)
    this.#w1 = isV6 ? keepBits(wordAt(bytes, 4), length - 32) : 0
    this.#w2 = isV6 ? keepBits(wordAt(bytes, 8), length - 64) : 0
    this.#w3 = isV6 ? keepBits(wordAt(bytes, 12), length - 96) : 0
    this.#hash = this.#hashOf(this.#kind, length, this.#w0, this.#w1, this.#w2, this.#w3)
  }

  #home(): number {
    return this.#placeOf(this.#hash)
  }

  /** Where a search for the entry at this place begins. */
  #homeOf(at: number): number {
    const ints = this.#ints
    const kind = this.#kindAt(at)
    const w0 = ints[at + ENTRY.w0]
    if (this.#family === this.#v4) return this.#placeOf(this.#hashOf(kind, kind - KIND.v4, w0, 0, 0, 0))
    const [w1, w2, w3] = [ints[at + ENTRY.w1], ints[at + ENTRY.w2], ints[at + ENTRY.w3]]
    return this.#placeOf(this.#hashOf(kind, kind - KIND.v6, w0, w1, w2, w3))
  }

  #placeOf(hash: number): number {
    const { at, shift, entryInts } = this.#family.table
    return at + (hash >>> shift) * entryInts
  }

  #hashOf(kind: number, length: number, w0: number, w1: number, w2: number, w3: number): number {
    return prefixHash(this.#seed, this.#secondSeed, kind, length, w0, w1, w2, w3)
  }

  #after(at: number): number {
    const { table } = this.#family
    return at + table.entryInts === table.end ? table.at : at + table.entryInts
  }

  /** How far a search goes from one place to the other. */
  #distance(from: number, to: number): number {
    const { at, end } = this.#family.table
    return to >= from ? to - from : to - from + end - at
  }

  #kindAt(at: number): number {
    return this.#ints[at + ENTRY.tag] & KIND_BITS
  }

  /** -1 when the prefix is not there. */
  #find(): number {
    for (let at = this.#home(); ; at = this.#after(at)) {
      const kind = this.#kindAt(at)
      if (kind === KIND.empty) return -1
      if (kind === this.#kind && this.#isAt(at)) return at
    }
  }

  #isAt(at: number): boolean {
    const ints = this.#ints
    if (ints[at + ENTRY.w0] !== this.#w0) return false
    if (this.#family === this.#v4) return true
    return ints[at + ENTRY.w1] === this.#w1 && ints[at + ENTRY.w2] === this.#w2 && ints[at + ENTRY.w3] === this.#w3
  }

  #emptyPlace(): number {
    let at = this.#home()
    while (this.#kindAt(at) !== KIND.empty) at = this.#after(at)
    return at
  }

  /** Readers pass over the place until its tag is there: up to then it is empty or gone. */
  #write(at: number, value: number): void {
    const ints = this.#ints
    Atomics.store(ints, at + ENTRY.value, value)
    Atomics.store(ints, at + ENTRY.w0, this.#w0)
    if (this.#family === this.#v6) {
      Atomics.store(ints, at + ENTRY.w1, this.#w1)
      Atomics.store(ints, at + ENTRY.w2, this.#w2)
      Atomics.store(ints, at + ENTRY.w3, this.#w3)
    }
    this.#setKind(at, this.#kind)
  }

  /**
   * Moves entries behind the gone one up, until no search needs its place any more. Each is at both places for a moment;
   * a reader who has seen the new one before and the old one after knows by the count of moves to search again.
   */
  #close(gone: number): void {
    const ints = this.#ints
    let hole = gone
    for (let at = this.#after(hole); this.#kindAt(at) !== KIND.empty; at = this.#after(at)) {
      if (this.#distance(this.#homeOf(at), at) < this.#distance(hole, at)) continue
      for (let i = ENTRY.value; i < this.#family.table.entryInts; i++) Atomics.store(ints, hole + i, ints[at + i])
      this.#setKind(hole, this.#kindAt(at))
      Atomics.add(ints, HEADER.moves, 1)
      this.#setKind(at, KIND.gone)
      hole = at
    }
    this.#setKind(hole, KIND.empty)
  }

  #setKind(at: number, kind: number): void {
    const generation = (this.#ints[at + ENTRY.tag] & ~KIND_BITS) + GENERATION_STEP
    Atomics.store(this.#ints, at + ENTRY.tag, generation | kind)
  }

  /** Lets lookups know of the prefix, or of its end. */
  #announce(change: 1 | -1): void {
    this.#family.count += change
    Atomics.store(this.#ints, HEADER.count, this.count)
    if (this.#length <= SLOT_LENGTH_MAX) return this.#announceInSlots(change)
    this.#announceInFilter(change)
    this.#countLength(change)
    this.#countTier(change)
  }

  #announceInSlots(change: 1 | -1): void {
    const first = this.#family.slotsAt + (this.#w0 >>> 16)
    const slots = 2 ** (SLOT_LENGTH_MAX - this.#length)
    for (let at = first; at < first + slots; at++) this.#setBit(at, this.#length, change === 1)
  }

  #announceInFilter(change: 1 | -1): void {
    const { groupBits } = this.#tier()
    const w0 = keepBits(this.#w0, groupBits)
    const w1 = keepBits(this.#w1, groupBits - 32)
    const block = groupHash(this.#secondSeed, groupBits, w0, w1) >>> this.#blockShift
    this.#countFilter(block, this.#length & 31, change)
    this.#countFilter(block, filterBit(this.#hash, 0), change)
    this.#countFilter(block, filterBit(this.#hash, 1), change)
    this.#countFilter(block, filterBit(this.#hash, 2), change)
  }

  #countFilter(block: number, bit: number, change: 1 | -1): void {
    const counts = this.#filterCounts
    const at = block * BLOCK_BITS + bit
    if (counts[at] === FILTER_COUNT_MAX) return
    counts[at] += change
    const isFirstOrLast = counts[at] === (change === 1 ? 1 : 0)
    if (isFirstOrLast) this.#setBit(FILTER_AT + block * BLOCK_INTS + (bit >>> 5), bit & 31, change === 1)
  }

  #countLength(change: 1 | -1): void {
    const { lengthCounts, lengthsAt } = this.#family
    lengthCounts[this.#length] += change
    this.#setBit(lengthsAt + (this.#length >>> 5), this.#length & 31, lengthCounts[this.#length] > 0)
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
    return tierOf(this.#family === this.#v6 ? 6 : 4, this.#length)
  }

  #setBit(at: number, bit: number, isSet: boolean): void {
    const before = this.#ints[at]
    const after = isSet ? before | (1 << bit) : before & ~(1 << bit)
    if (after !== before) Atomics.store(this.#ints, at, after)
  }
}

function makeFamily(table: EntryTable, capacity: number, slotsAt: number, lengthsAt: number): Family {
  return {
    table,
    capacity,
    slotsAt,
    lengthsAt,
    tierCounts: new Uint32Array(SLOT_COUNT * TIERS),
    lengthCounts: new Uint32Array(LENGTHS),
    count: 0,
  }
}
