/**
 * A line of a prefix table: 64 bytes that hold prefixes and their values, so that one read out of the caches brings them
 * all. Lengths are kept as what is missing to a whole address (0 for a /32 or /128), and values as their complement: a
 * place whose value is 0 is free, whatever else is left in it.
 *
 *   IPv4, int32:   0  tags of places 0 to 3, 8 bits each          IPv6, int32:   0  missing bits of 3 places, 7 bits each,
 *                  1  tags of 4 and 5; marks: spilled lengths                       then marks: spilled lengths, passed
 *                  2  missing bits, 4 bits each; mark: passed                    1  place 0: four words of the prefix, value
 *                  3  prefixes of places 0 to 5                                  6  place 1
 *                  9  their values                                              11  place 2
 *
 * A tag is 8 bits of the hash that brought the prefix here: four are compared at once, and hardly ever in vain.
 * "Spilled": a prefix of such a length that belongs here is in the line of its own hash. "Passed": so is one that hashes
 * to this line, and found it full, too; it is in the next line that was not.
 */
import { keepBits } from './prefix-memory.ts'

export const PASSED = 1 << 31

export const PLACES_V4 = 6
const TAGS_IN_FIRST_WORD = 4
export const MARKS_V4 = 1
export const MISSING_V4 = 2
export const PREFIX_V4 = 3
export const VALUE_V4 = 9
/** In the marks: bit 16 + what is missing. */
export const SPILLED_V4_SHIFT = 16
export const SPILLED_WIDE_V4 = 0xe000_0000 | 0
export const SPILLED_MIDDLE_V4 = 0x1e00_0000
export const SPILLED_LONG_V4 = 0x01ff_0000

export const PLACES_V6 = 3
export const PREFIX_V6 = 1
export const VALUE_V6 = 5
export const PLACE_INTS_V6 = 5
/** Lengths that share a bit of the marks: the last of each, from the lowest bit on. Common ones have bits of their own. */
const SPILL_CLASSES_V6 = [31, 39, 47, 48, 55, 56, 63, 64, 127, 128] as const
export const SPILL_CLASSES_MAX = 16
export const SPILLED_V6_SHIFT = 21
export const SPILLED_WIDE_V6 = 1 << SPILLED_V6_SHIFT
export const SPILLED_MIDDLE_V6 = 0b10 << SPILLED_V6_SHIFT
export const SPILLED_LONG_V6 = 0b100 << SPILLED_V6_SHIFT
export const SPILLED_LONGEST_V6 = 0b11_1111_1000 << SPILLED_V6_SHIFT

/** For each number of bits that miss, the four words that keep the others. */
export const MASKS_V6 = Int32Array.from({ length: 128 * 4 }, (_, i) => keepBits(-1, 128 - (i >> 2) - (i & 3) * 32))

/** The bit of the marks for a spilled prefix of this length. */
export function spillBitV4(length: number): number {
  return SPILLED_V4_SHIFT + 32 - length
}

const SPILL_BITS_V6 = Uint8Array.from({ length: 129 }, (_, length) => {
  return SPILLED_V6_SHIFT + SPILL_CLASSES_V6.findIndex((last) => length <= last)
})
export function spillBitV6(length: number): number {
  return SPILL_BITS_V6[length]
}

export function missingV4(codes: number, place: number): number {
  return (codes >>> (place * 4)) & 15
}

export function missingV6(codes: number, place: number): number {
  return (codes >>> (place * 7)) & 127
}

export function tagOf(hash: number): number {
  return hash & 0xff
}

/** Which int32 of the line has the tag of this place, and from which bit on. */
export function tagWord(place: number): number {
  return place < TAGS_IN_FIRST_WORD ? 0 : 1
}

export function tagShift(place: number): number {
  return (place % TAGS_IN_FIRST_WORD) * 8
}

/**
 * Places whose prefix may cover the address, free ones among them: bit 8 n + 7 for place n up to 3, bit 8 n + 6 for place
 * 4 + n. Without branches: which place it is can't be foreseen, and a processor that guessed wrong would not have begun to
 * read what comes next. For the same reason it is few instructions: the next lookup begins while this one waits.
 */
export function hitsV4(ints: Int32Array, at: number, hash: number): number {
  const tags = Math.imul(hash & 0xff, 0x0101_0101)
  return zeroBytes(ints[at] ^ tags) | ((zeroBytes(ints[at + 1] ^ tags) & 0x8080) >>> 1)
}

/** The highest bit of each byte that is 0, and hardly ever of one above it. A constant, as `mix32`. */
const zeroBytes = (word: number): number => (word - 0x0101_0101) & ~word & 0x8080_8080

/** One bit for each place that has bits 32 to 47 of the address, and hardly ever one of another group. */
export function hitsLongestV6(ints: Int32Array, at: number, w1: number): number {
  return (
    isZero((ints[(at + 2) | 0] ^ w1) >>> 16) |
    (isZero((ints[(at + 7) | 0] ^ w1) >>> 16) << 1) |
    (isZero((ints[(at + 12) | 0] ^ w1) >>> 16) << 2)
  )
}

/** For the tiers of 32 and 40: one for each place that has the first 32 bits, and of the next 31 as many as its length says. */
export function hitsLongV6(ints: Int32Array, at: number, w0: number, w1: number): number {
  const codes = ints[at]
  return (
    isZero((ints[at + 1] ^ w0) | (((ints[at + 2] ^ w1) >>> 1) >>> (codes - 65))) |
    (isZero((ints[at + 6] ^ w0) | (((ints[at + 7] ^ w1) >>> 1) >>> ((codes >>> 7) - 65))) << 1) |
    (isZero((ints[at + 11] ^ w0) | (((ints[at + 12] ^ w1) >>> 1) >>> ((codes >>> 14) - 65))) << 2)
  )
}

/** One for each place whose first 31 bits cover the address. */
export function hitsWideV6(ints: Int32Array, at: number, w0: number): number {
  const codes = ints[at]
  return (
    isZero(((ints[at + 1] ^ w0) >>> 1) >>> (codes - 97)) |
    (isZero(((ints[at + 6] ^ w0) >>> 1) >>> ((codes >>> 7) - 97)) << 1) |
    (isZero(((ints[at + 11] ^ w0) >>> 1) >>> ((codes >>> 14) - 97)) << 2)
  )
}

const isZero = (word: number): number => Math.clz32(word) >>> 5

/**
 * Reads that are made in the order in which they stand: x64 keeps it, and so does V8, which never exchanges two reads of
 * shared memory. Other processors must be told; that is a call of 7 ns.
 */
const ARE_READS_IN_ORDER = process.arch === 'x64'
export function readInOrder(ints: Int32Array, at: number): number {
  return ARE_READS_IN_ORDER ? ints[at] : Atomics.load(ints, at)
}

/** Whether the place's prefix covers the address, missing as many bits as was read before. */
export function isCoveredV6(
  ints: Int32Array,
  at: number,
  missing: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): boolean {
  const mask = missing << 2
  return (
    (((readInOrder(ints, at) ^ w0) & MASKS_V6[mask]) |
      ((readInOrder(ints, at + 1) ^ w1) & MASKS_V6[mask + 1]) |
      ((readInOrder(ints, at + 2) ^ w2) & MASKS_V6[mask + 2]) |
      ((readInOrder(ints, at + 3) ^ w3) & MASKS_V6[mask + 3])) ===
    0
  )
}
