/**
 * `balance: power-of-two`: two by chance, and of them the one with fewer connections for its weight. Nearly as even as
 * least-connections, and many nodes that can't see each other's counts do not all rush to the same upstream.
 */
import { loadOf } from './least-connections.ts'
import type { BalanceMethod } from './method.ts'
import { drawByWeight } from './draw-by-weight.ts'

export const powerOfTwo: BalanceMethod = (pool) => {
  if (pool.count === 1) return pool.places[0]
  const drawn = drawByWeight(pool)
  const one = pool.places[drawn]
  const other = pool.places[drawByWeight(pool, drawn)]
  return loadOf(pool, other) < loadOf(pool, one) ? other : one
}
