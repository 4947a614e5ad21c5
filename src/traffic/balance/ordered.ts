/** `balance: ordered`: always the same order, as in the seeds; the first that can be used. */
import type { BalanceMethod } from './method.ts'

export const ordered: BalanceMethod = ({ places }) => places[0]
