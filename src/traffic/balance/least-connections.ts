/** `balance: least-connections`: who has the fewest open connections for its weight, over all workers. */
import { CANDIDATES_MAX } from '../tables.ts'
import type { BalanceMethod, Pool } from './method.ts'
import { readiness, weightNow } from './weight.ts'

/** Those that have equally few, and the sum of the weights up to each. One for the thread: a choice is over before the next begins. */
const equals = new Int32Array(CANDIDATES_MAX)
const sums = new Float64Array(CANDIDATES_MAX)

export const leastConnections: BalanceMethod = (pool) => {
  const { places, count } = pool
  let least = Infinity
  let equalCount = 0
  for (let i = 0; i < count; i++) {
    const place = places[i]
    const load = loadOf(pool, place)
    if (load > least) continue
    if (load < least) equalCount = 0
    least = load
    sums[equalCount] = (equalCount === 0 ? 0 : sums[equalCount - 1]) + weightNow(pool, place)
    equals[equalCount++] = place
  }
  return equalCount === 1 ? equals[0] : pickEqual(pool, equalCount)
}

/** By chance, as their weights say: with short connections most choices are between upstreams that have none. */
function pickEqual(pool: Pool, equalCount: number): number {
  const point = pool.random() * sums[equalCount - 1]
  let i = 0
  while (i < equalCount - 1 && sums[i] <= point) i++
  return equals[i]
}

/**
 * Open connections of the place's upstream, those being connected included, for one unit of its weight. All addresses of
 * an upstream have the same load: their connections are counted together.
 */
export function loadOf(pool: Pool, place: number): number {
  return pool.states.upstreamConnections(pool.upstreams[place]) / (pool.upstreamWeights[place] * readiness(pool, place))
}
