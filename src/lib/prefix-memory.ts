/**
 * The shared memory of a prefix table: what prefix-table.ts (readers) and prefix-table-writer.ts agree on.
 *
 *   header   28 int32: seeds, sizes, how many prefixes, a count of changes; then a line of the cache begins (cache-line.ts)
 *   slots    for each family and each value of an address's first 16 bits, one int32: bits 0 to 16 say which prefixes of
 *            these lengths cover it, bits 17 to 20 in which tiers longer ones lie below it
 *   shorts   for each family the values of all 2^17 - 1 prefixes that there can be up to a length of 16
 *   lines    for each family lines of 64 bytes, as the processor reads them (prefix-lines.ts): a prefix longer than 16 is
 *            in the line of its group, or, where that is full, in the line of its own hash or one of the next
 *   digests  for each family and each of its lines 32 bits (IPv4) or 16 (IPv6) that tell of the hashes that brought
 *            something there (prefix-digests.ts). All of them fit into a cache that the lines do not fit in: who is on no list reads no line
 *
 * Values are kept as their complement, so that 0 is nothing.
 */
import { FIRST_LINE_AT, LINE_INTS } from './cache-line.ts'
import type { IpFamily } from './ip.ts'

export const SLOT_COUNT = 0x1_0000

/**
 * Int32 places of the header. `changes` grows with each entry that is written, between its prefix and its value.
 * `spilledV6` takes 5: one bit for each length that is found outside of its group's line.
 */
export const HEADER = {
  seed: 0,
  secondSeed: 1,
  capacityV4: 2,
  capacityV6: 3,
  spilledV6: 8,
  count: 16,
  changes: 17,
} as const
const HEADER_INTS = LINE_INTS + FIRST_LINE_AT

export const SLOTS_V4_AT = HEADER_INTS
export const SLOTS_V6_AT = SLOTS_V4_AT + SLOT_COUNT
const SHORTS_V4_AT = SLOTS_V6_AT + SLOT_COUNT
const SHORTS = 2 * SLOT_COUNT

/** Places are multiples of it by a shift: what a module exports, its own code reads as a variable. */
const LINE_INTS_SHIFT = 4
/** A line of IPv4 has room for 6, one of IPv6 for 3; with these, 1 prefix in 100 and 1 in 30 is not in its group's. */
const PREFIXES_PER_LINE_V4 = 2.6
const PREFIXES_PER_LINE_V6 = 1.1
const LINES_MIN = 16
const DIGEST_BYTES_V4 = 4
const DIGEST_BYTES_V6 = 2

/** The longest prefix that a slot names exactly. */
export const SLOT_LENGTH_MAX = 16

/** A set of lengths: all prefixes of a tier below the same `groupBits` first bits are a group, and have one line. */
export interface Tier {
  /** In a slot: there are prefixes of this tier below it. */
  readonly slotBit: number
  readonly groupBits: number
}

export const TIER = {
  v4Wide: { slotBit: 1 << 17, groupBits: 16 },
  v4Middle: { slotBit: 1 << 18, groupBits: 20 },
  v4Long: { slotBit: 1 << 19, groupBits: 24 },
  v6Wide: { slotBit: 1 << 17, groupBits: 16 },
  v6Middle: { slotBit: 1 << 18, groupBits: 32 },
  v6Long: { slotBit: 1 << 19, groupBits: 40 },
  v6Longest: { slotBit: 1 << 20, groupBits: 48 },
} as const satisfies Record<string, Tier>

/** The tier of a prefix that is longer than SLOT_LENGTH_MAX. */
export function tierOf(family: IpFamily, length: number): Tier {
  if (family === 4) return length < 20 ? TIER.v4Wide : length < 24 ? TIER.v4Middle : TIER.v4Long
  if (length < 40) return length < 32 ? TIER.v6Wide : TIER.v6Middle
  return length < 48 ? TIER.v6Long : TIER.v6Longest
}

/** How many prefixes a table has room for. */
export interface PrefixCapacity {
  readonly v4: number
  readonly v6: number
}

/** The lines of one family: `factor` (4 to 7) times a power of two, so that a hash is a line by a product and a shift. */
export interface LineTable {
  readonly count: number
  /** From where up to where, in int32 from the start of the memory. */
  readonly at: number
  readonly end: number
  /** As many digests as lines, of so many bytes each, from this byte of the memory on. */
  readonly digestsAtByte: number
  readonly digestBytes: number
  readonly factor: number
  readonly shift: number
}

/** Where everything is in a table for so many prefixes, counted in int32. */
export function shapeOf({ v4, v6 }: PrefixCapacity) {
  const shortsV6At = SHORTS_V4_AT + (v4 === 0 ? 0 : SHORTS)
  const linesV4 = lineTable(shortsV6At + (v6 === 0 ? 0 : SHORTS), v4 / PREFIXES_PER_LINE_V4, DIGEST_BYTES_V4)
  const linesV6 = lineTable(endOf(linesV4), v6 / PREFIXES_PER_LINE_V6, DIGEST_BYTES_V6)
  return { shortsV4At: SHORTS_V4_AT, shortsV6At, linesV4, linesV6, ints: endOf(linesV6) }
}

function endOf({ count, digestsAtByte, digestBytes }: LineTable): number {
  return Math.ceil((digestsAtByte + count * digestBytes) / 64) * LINE_INTS
}

function lineTable(at: number, atLeast: number, digestBytes: number): LineTable {
  const wanted = Math.max(LINES_MIN, atLeast)
  const bits = Math.floor(Math.log2(wanted)) - 2
  const eighths = Math.ceil(wanted / 2 ** bits)
  const [factor, scale] = eighths === 8 ? [4, bits + 1] : [eighths, bits]
  const count = factor * 2 ** scale
  const end = at + count * LINE_INTS
  return { count, at, end, digestsAtByte: end * 4, digestBytes, factor, shift: 28 - scale }
}

/** Which line is the one for this hash, counted from the first. By `| 0` the compiler knows that it is an int32. */
export function lineOf(factor: number, shift: number, hash: number): number {
  return (Math.imul(hash >>> 4, factor) >>> shift) | 0
}

/** Where it begins. */
export function lineAt(at: number, line: number): number {
  return (at + (line << LINE_INTS_SHIFT)) | 0
}

/** The place of a prefix of up to 16 bits among the shorts: a binary tree in the order of its levels. */
export function shortIndex(w0: number, length: number): number {
  return length === 0 ? 1 : (1 << length) | (w0 >>> (32 - length))
}

/** The first `bits` bits of a word, if any; the others are 0. */
export function keepBits(word: number, bits: number): number {
  if (bits >= 32) return word
  return bits <= 0 ? 0 : word & (-1 << (32 - bits))
}

/**
 * A bijection of 32 bits in which every input bit changes half of the output [MurmurHash3 fmix32]. A constant, unlike a
 * function that is declared: the compiler need not look at each call whether it is still the same.
 */
const mix32 = (value: number): number => {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return hash ^ (hash >>> 16)
}

/**
 * 32 bits for a prefix of this length, whose words have no bits beyond it. The seeds are the table's own: who chooses
 * addresses can't choose where they go.
 */
export function prefixHash(
  seed: number,
  secondSeed: number,
  length: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): number {
  let hash = mix32(w0 ^ seed ^ Math.imul(length, 0x9e37_79b1))
  if (length > 32) hash = mix32(hash ^ w1 ^ secondSeed)
  if (length > 64) hash = mix32(hash ^ w2 ^ seed)
  if (length > 96) hash = mix32(hash ^ w3 ^ secondSeed)
  return hash
}

/** For the line of a group of up to 32 bits: these are the first of its prefixes, as many as their tier says. */
export function groupHash(seed: number, groupBits: number, w0: number): number {
  return mix32(w0 ^ seed ^ groupBits)
}

/** Of 33 to 64 bits; those behind don't count. Products with secret odd numbers are quicker than a mix for each word. */
export function longGroupHash(seed: number, secondSeed: number, groupBits: number, w0: number, w1: number): number {
  return mix32((Math.imul(w0, seed | 1) + Math.imul(w1 >>> (64 - groupBits), secondSeed | 1)) ^ groupBits)
}

/** Of whatever tier. */
export function anyGroupHash(seed: number, secondSeed: number, groupBits: number, w0: number, w1: number): number {
  if (groupBits > 32) return longGroupHash(seed, secondSeed, groupBits, w0, w1)
  return groupHash(seed, groupBits, keepBits(w0, groupBits))
}

/** 4 bytes, the first one highest. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
}
