/**
 * A set of numbers from 1 to 2^32 - 1 as an array that threads hand to each other, and that is asked without a call: for
 * questions of every connection. Never changed after it is made.
 *
 * Open addressing: a number is at the place of its hash or after it, before the next place that is 0.
 */
export type NumberSet = Readonly<Int32Array>

const PLACES_PER_NUMBER = 2

export function numberSet(numbers: Iterable<number>): NumberSet {
  const all = [...numbers]
  const set = new Int32Array(2 ** Math.ceil(Math.log2(all.length * PLACES_PER_NUMBER + 2)))
  for (const number of all) set[placeOf(set, number)] = number | 0
  return set
}

export function hasNumber(set: NumberSet, number: number): boolean {
  return set[placeOf(set, number)] !== 0
}

/** Where it is, or would be. */
const placeOf = (set: NumberSet, number: number): number => {
  const mask = set.length - 1
  let place = (Math.imul(number, 0x9e37_79b1) >>> 8) & mask
  while (set[place] !== 0 && set[place] !== (number | 0)) place = (place + 1) & mask
  return place
}
