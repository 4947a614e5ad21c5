/** Who has which turn: a cycle in which each place stands as often as its weight says, and as far from itself as can be. */

/**
 * The longest cycle, 16 KiB. Weights that would need a longer one are rounded: by less than 5 % for every share above
 * 1/800, and none is left without a turn.
 */
export const TURNS_MAX = 16_384

/** How far from a whole number a weight may be by the error of floating point. */
const WHOLE_ERROR_MAX = 1e-6

/** Places of `weights` in their turns; those of weight 0 have none. Smooth weighted round-robin as in nginx. */
export function turnOrder(weights: readonly number[]): Uint8Array {
  const counts = turnCounts(weights)
  const turns = sum(counts)
  const order = new Uint8Array(turns)
  const claims = new Float64Array(weights.length)
  for (let turn = 0; turn < turns; turn++) {
    let first = 0
    for (let place = 0; place < claims.length; place++) {
      claims[place] += counts[place]
      if (claims[place] > claims[first]) first = place
    }
    claims[first] -= turns
    order[turn] = first
  }
  return order
}

/** Turns of each place in one cycle: the smallest whole numbers that keep the proportions, or nearly. */
function turnCounts(weights: readonly number[]): number[] {
  const total = sum(weights)
  // An upstream's weight is shared by its addresses, so thirds and sevenths occur.
  for (let factor = 1; factor * total <= TURNS_MAX; factor++) {
    const counts = weights.map((weight) => Math.round(weight * factor))
    if (counts.every((count, i) => Math.abs(count - weights[i] * factor) < WHOLE_ERROR_MAX)) return reduced(counts)
    if (total === 0) break
  }
  const divisor = reduced(weights)
  if (weights.every(Number.isInteger) && sum(divisor) <= TURNS_MAX) return divisor
  return weights.map((weight) => (weight === 0 ? 0 : Math.max(1, Math.round((weight * TURNS_MAX) / total))))
}

function reduced(counts: readonly number[]): number[] {
  const divisor = counts.reduce(greatestCommonDivisor, 0)
  return counts.map((count) => (divisor === 0 ? 0 : count / divisor))
}

function greatestCommonDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestCommonDivisor(other, one % other)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
