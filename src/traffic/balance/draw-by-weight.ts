/** By chance, each place as likely as its weight says. */
import type { Pool } from './method.ts'
import { isReady } from './weight.ts'

/** Where an upstream starts slowly, another is drawn; after so many, all of them do. */
const DRAWS_MAX = 16

/** One of the pool's places, but not the one at `except`, an index into `places`; -1 excepts none. Returns its index. */
export function drawByWeight(pool: Pool, except = -1): number {
  let drawn = draw(pool, except)
  for (let i = 1; i < DRAWS_MAX && !isReady(pool, pool.places[drawn]); i++) drawn = draw(pool, except)
  return drawn
}

function draw({ sums, count, random }: Pool, except: number): number {
  if (except === -1) return firstAbove(sums, count, random() * sums[count - 1])
  const before = except === 0 ? 0 : sums[except - 1]
  const weight = sums[except] - before
  const point = random() * (sums[count - 1] - weight)
  if (point < before) return firstAbove(sums, except, point)
  const drawn = firstAbove(sums, count, point + weight)
  // Rounding may lead back to it.
  return drawn !== except ? drawn : except + 1 < count ? except + 1 : except - 1
}

/** The least index whose sum is above the point; the last one when none is. */
function firstAbove(sums: Float64Array, count: number, point: number): number {
  let low = 0
  let high = count - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sums[middle] > point) high = middle
    else low = middle + 1
  }
  return low
}
