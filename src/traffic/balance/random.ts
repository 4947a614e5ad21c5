/** `balance: random`: by chance, as likely as the weight says. */
import type { BalanceMethod } from './method.ts'
import { drawByWeight } from './draw-by-weight.ts'

export const random: BalanceMethod = (pool) => pool.places[drawByWeight(pool)]
