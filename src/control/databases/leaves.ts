/** What is known of a network, as a tree holds it: its country and AS in two words (network-database.ts). */
import { COUNTRY_SHIFT, LEAF, LEAF_INTS, UNKNOWN, UNKNOWN_LEAF } from '../../traffic/admit/network-database.ts'

/** Leaves have equal places exactly where they say the same. A place is below 0; the two words begin at `wordsOf`. */
export class Leaves {
  readonly words = [LEAF, UNKNOWN]
  readonly #placeByText = new Map([[`${LEAF} ${UNKNOWN}`, UNKNOWN_LEAF]])

  /** `asn` as an int32 or as it is. */
  placeOf(country: number, asn: number): number {
    return this.placeOfWords(LEAF | (country << COUNTRY_SHIFT), asn | 0)
  }

  placeOfWords(firstWord: number, secondWord: number): number {
    const text = `${firstWord} ${secondWord}`
    const known = this.#placeByText.get(text)
    if (known !== undefined) return known
    const place = ~(this.words.length / LEAF_INTS)
    this.words.push(firstWord, secondWord)
    this.#placeByText.set(text, place)
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
