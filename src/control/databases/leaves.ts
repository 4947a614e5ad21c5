/** What is known of a network, as a tree holds it: its country and AS in two words (network-database.ts). */
import { COUNTRY_SHIFT, LEAF, LEAF_INTS, UNKNOWN, UNKNOWN_LEAF } from '../../traffic/admit/network-database.ts'

const TWO_TO_32 = 2 ** 32

/** Leaves have equal places exactly where they say the same. A place is below 0; its two words begin at `wordsAt`. */
export class Leaves {
  readonly words = [LEAF, UNKNOWN]
  /** By country and AS as one number. */
  readonly #placeByNumbers = new Map([[UNKNOWN, UNKNOWN_LEAF]])

  /** `asn` as an int32 or as it is. */
  placeOf(country: number, asn: number): number {
    return this.placeOfWords(LEAF | (country << COUNTRY_SHIFT), asn | 0)
  }

  placeOfWords(firstWord: number, secondWord: number): number {
    const numbers = (firstWord >>> COUNTRY_SHIFT) * TWO_TO_32 + (secondWord >>> 0)
    const known = this.#placeByNumbers.get(numbers)
    if (known !== undefined) return known
    const place = ~(this.words.length / LEAF_INTS)
    this.words.push(firstWord, secondWord)
    this.#placeByNumbers.set(numbers, place)
    return place
  }

  get knowNothing(): boolean {
    return this.words.length === LEAF_INTS
  }
}

/** Where the words of the leaf at this place begin. */
export function wordsAt(place: number): number {
  return ~place * LEAF_INTS
}
