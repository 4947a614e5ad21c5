/**
 * Digests of the lines of a prefix table: what can be known of a line without reading it. They fit into a cache in which the
 * lines have no room, so that who is on no list costs no read out of it, and who is on one costs one.
 *
 *   IPv4, 32 bits   a Bloom filter: two bits for each hash that brought a prefix to the line; all of them if the line has
 *                   marks (prefix-lines.ts), since what is asked for may have been spilled from it
 *   IPv6, 16 bits   for each of three places 5 bits of the hash that brought its prefix, 0 for a free one; the highest bit
 *                   if the line has marks
 *
 * A digest is written before the value of what it tells of, and goes after it: an entry that stays is always told of.
 */
import {
  MARKS_V4,
  MISSING_V4,
  PASSED,
  PLACE_INTS_V6,
  PLACES_V4,
  PLACES_V6,
  SPILLED_V4_SHIFT,
  SPILLED_V6_SHIFT,
  tagShift,
  tagWord,
  VALUE_V4,
  VALUE_V6,
} from './prefix-lines.ts'

const ALL_V4 = -1

/** Of the hash its lowest 8 bits count, which are the tag in the line. */
export function digestBitsV4(hash: number): number {
  return (1 << hash) | (1 << (hash >>> 3))
}

/** Whether the line may hold something that this hash brings there; wrong once in 40 times. */
export function mayHoldV4(digest: number, hash: number): boolean {
  return ((digest >>> hash) & (digest >>> (hash >>> 3)) & 1) !== 0
}

/** As it should be after something has left the line, or its marks have become others. */
export function digestOfV4(ints: Int32Array, line: number): number {
  const marks = (ints[line + MARKS_V4] >>> SPILLED_V4_SHIFT) | (ints[line + MISSING_V4] & PASSED)
  if (marks !== 0) return ALL_V4
  let digest = 0
  for (let place = 0; place < PLACES_V4; place++) {
    if (ints[line + VALUE_V4 + place] === 0) continue
    digest |= digestBitsV4(ints[line + tagWord(place)] >>> tagShift(place))
  }
  return digest
}

const TAG_BITS_V6 = 5
const TAG_MASK_V6 = 31
/** 1 and the highest bit in each place's tag. */
const ONES_V6 = 0b00001_00001_00001
const HIGHEST_V6 = 0b10000_10000_10000
/** 1 to 31; 0 is a free place. A constant, as `mix32`. */
const tagOfV6 = (hash: number): number => (((hash & 0xff) * TAG_MASK_V6) >>> 8) + 1
/** Not exported itself: even in this file's own functions that would be read and checked at each use. */
const MARKED = 0x8000
export const MARKED_V6 = MARKED

/**
 * A bit for each place that may hold something which this hash brought there, and MARKED_V6 if it may have been spilled; 0,
 * if the line holds no such thing. In vain once in 30 times.
 */
export function matchesV6(digest: number, hash: number): number {
  const differs = digest ^ Math.imul(tagOfV6(hash), ONES_V6)
  return ((differs - ONES_V6) & ~differs & HIGHEST_V6) | (digest & MARKED)
}

/** Of one bit of `matchesV6` that is a place's. No branch, which would be guessed wrong. */
export function placeOfMatchV6(match: number): number {
  return ((match >>> 9) & 1) | ((match >>> 13) & 2)
}

/** With what this hash brings to the place. */
export function withPlaceV6(digest: number, place: number, hash: number): number {
  const shift = place * TAG_BITS_V6
  return (digest & ~(TAG_MASK_V6 << shift)) | (tagOfV6(hash) << shift)
}

/** As it should be after something has left the line, or its marks have become others. */
export function digestOfV6(ints: Int32Array, line: number, before: number): number {
  let digest = before & ~MARKED
  for (let place = 0; place < PLACES_V6; place++) {
    const isFree = ints[line + VALUE_V6 + place * PLACE_INTS_V6] === 0
    if (isFree) digest &= ~(TAG_MASK_V6 << (place * TAG_BITS_V6))
  }
  return ints[line] >>> SPILLED_V6_SHIFT === 0 ? digest : digest | MARKED
}
