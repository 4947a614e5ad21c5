/**
 * The shared memory of a prefix table: what prefix-table.ts (readers) and prefix-table-writer.ts agree on.
 *
 *   header   32 int32: seeds, sizes, how many prefixes, which prefix lengths exist at all (bits, by family)
 *   slots    for each family and each value of an address's first 16 bits, one int32: bits 0 to 16 say which prefixes of
 *            these lengths cover it, bits 17 to 19 in which tiers longer ones lie below it
 *   filter   blocks of 8 int32, for the prefixes that share the first bits of their tier: a word that says which lengths
 *            there are (modulo 32), and a Bloom filter of 224 bits
 *   entries  for each family a hash table with open addressing; an entry is tag, value, and 1 or 4 words of the prefix
 *
 * A tag is the kind of the entry in its lower 8 bits and a generation in the upper 24, which grows each time an entry is
 * written, so that a reader notices one that became another while it read.
 */
import type { IpFamily } from './ip.ts'

const SLOT_COUNT = 0x1_0000

/** Int32 places of the header. `moves` counts entries that got another place. `lengthsV4` and `lengthsV6` take 5 each: one bit for each length from 0 to 128. */
export const HEADER = {
  seed: 0,
  secondSeed: 1,
  capacityV4: 2,
  capacityV6: 3,
  count: 4,
  moves: 5,
  lengthsV4: 8,
  lengthsV6: 16,
} as const
const HEADER_INTS = 32

export const SLOTS_V4_AT = HEADER_INTS
export const SLOTS_V6_AT = SLOTS_V4_AT + SLOT_COUNT
export const FILTER_AT = SLOTS_V6_AT + SLOT_COUNT

export const BLOCK_INTS = 8
export const BLOCK_BITS = BLOCK_INTS * 32
/** With 3 bits for each prefix, about one block in 1,000 says yes to a prefix that is not there. */
const PREFIXES_PER_BLOCK = 8
/** After the word of lengths. */
const FILTER_WORDS = BLOCK_INTS - 1

/** Int32 places of an entry. Without the last three an IPv4 table of 1,000,000 fits into a large cache. */
export const ENTRY = { tag: 0, value: 1, w0: 2, w1: 3, w2: 4, w3: 5 } as const
export const ENTRY_INTS_V4 = 3
export const ENTRY_INTS_V6 = 6
/** At least; a hit then takes 1.5 looks at neighbouring places on average, and fewer with the next power of two. */
const PLACES_PER_PREFIX = 1.5
const PLACES_MIN = 16

/** Lower 8 bits of a tag. A prefix of IPv4 is KIND.v4 + its length, one of IPv6 KIND.v6 + its length. */
export const KIND = { empty: 0, gone: 1, v4: 2, v6: 40 } as const
export const KIND_BITS = 0xff
export const GENERATION_STEP = 0x100

/** The longest prefix that a slot names exactly. */
export const SLOT_LENGTH_MAX = 16

/** Sets of lengths that share filter blocks: all prefixes of a tier below the same `groupBits` first bits have one block. */
export interface Tier {
  /** In a slot: there are prefixes of this tier below it. */
  readonly slotBit: number
  readonly groupBits: number
}

export const TIER = {
  v4Middle: { slotBit: 1 << 17, groupBits: 16 },
  v4Long: { slotBit: 1 << 18, groupBits: 24 },
  v6Middle: { slotBit: 1 << 17, groupBits: 16 },
  v6Long: { slotBit: 1 << 18, groupBits: 32 },
  v6Longest: { slotBit: 1 << 19, groupBits: 48 },
} as const satisfies Record<string, Tier>

/** The tier of a prefix that is longer than SLOT_LENGTH_MAX. */
export function tierOf(family: IpFamily, length: number): Tier {
  if (family === 4) return length < 24 ? TIER.v4Middle : TIER.v4Long
  if (length < 32) return TIER.v6Middle
  return length < 48 ? TIER.v6Long : TIER.v6Longest
}

/** How many prefixes a table has room for. */
export interface PrefixCapacity {
  readonly v4: number
  readonly v6: number
}

/** The entries of one family: 2^n places, so that the first bits of a hash are a place. */
export interface EntryTable {
  readonly entryInts: number
  /** From where up to where, in int32 from the start of the memory. */
  readonly at: number
  readonly end: number
  /** `hash >>> shift` is a place. */
  readonly shift: number
}

/** Where everything is in a table for so many prefixes, counted in int32. */
export function shapeOf({ v4, v6 }: PrefixCapacity) {
  const blockShift = shiftFor((v4 + v6) / PREFIXES_PER_BLOCK)
  const entriesV4 = entryTable(FILTER_AT + placesOf(blockShift) * BLOCK_INTS, v4, ENTRY_INTS_V4)
  const entriesV6 = entryTable(entriesV4.end, v6, ENTRY_INTS_V6)
  return { blockShift, entriesV4, entriesV6, ints: entriesV6.end }
}

function entryTable(at: number, capacity: number, entryInts: number): EntryTable {
  const shift = shiftFor(capacity * PLACES_PER_PREFIX)
  return { entryInts, at, end: at + placesOf(shift) * entryInts, shift }
}

/** For at least so many places, and PLACES_MIN. */
function shiftFor(places: number): number {
  return 32 - Math.ceil(Math.log2(Math.max(PLACES_MIN, places)))
}

export function placesOf(shift: number): number {
  return 2 ** (32 - shift)
}

/** The first `bits` bits of a word, if any; the others are 0. */
export function keepBits(word: number, bits: number): number {
  if (bits >= 32) return word
  return bits <= 0 ? 0 : word & (-1 << (32 - bits))
}

/** A bijection of 32 bits in which every input bit changes half of the output [MurmurHash3 fmix32]. */
function mix32(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return hash ^ (hash >>> 16)
}

/**
 * 32 bits for a prefix of this kind, whose words have no bits beyond its length. The seeds are the table's own: who
 * chooses addresses can't choose where they go.
 */
export function prefixHash(
  seed: number,
  secondSeed: number,
  kind: number,
  length: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): number {
  let hash = mix32(w0 ^ seed ^ Math.imul(kind, 0x9e37_79b1))
  if (length > 32) hash = mix32(hash ^ w1 ^ secondSeed)
  if (length > 64) hash = mix32(hash ^ w2 ^ seed)
  if (length > 96) hash = mix32(hash ^ w3 ^ secondSeed)
  return hash
}

/** For the filter: the block of the prefixes whose first bits, as many as their tier says, are these. */
export function groupHash(seed: number, groupBits: number, w0: number, w1: number): number {
  const hash = mix32(w0 ^ seed ^ groupBits)
  return groupBits > 32 ? mix32(hash ^ w1) : hash
}

/** The bit of a block that a prefix has by the `n`-th part of its hash, counted from the start of the block. */
export function filterBit(hash: number, n: 0 | 1 | 2): number {
  return 32 + ((((hash >>> (n * 8)) & 0xff) * FILTER_WORDS) >>> 3)
}

/** 4 bytes, the first one highest. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
}
