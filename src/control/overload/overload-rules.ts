/** What `protect.overload` asks for, and what it comes to at each level. */
import type { OverloadOrders } from '../../traffic/admit/overload-state.ts'
import type { Rule } from '../../traffic/tables.ts'
import { LEVEL_MAX } from './pressure.ts'

export interface OverloadRules {
  readonly rule: Rule
  /** Of the node's connections, for who is known. */
  readonly reservePercent: number
  /** Deadlines are not shortened below these. */
  readonly idleAtLeastMs: number
  readonly firstByteAtLeastMs: number
}

/** From level 3 on deadlines are an eighth: what is shorter hurts those who are there more than it helps others. */
const HALVINGS_MAX = 3

/** `reserved` places are rounded up: a small node has one, too. */
export function ordersFor(rules: OverloadRules, level: number, connectionsMax: number): OverloadOrders {
  const { rule, reservePercent, idleAtLeastMs, firstByteAtLeastMs } = rules
  const reserved = Math.ceil((connectionsMax * reservePercent) / 100)
  // One place is always left for strangers: where there is but one in all, there is no reserve.
  const strangersMax = Math.max(1, connectionsMax - reserved)
  return {
    rule,
    level,
    halvings: Math.min(level, HALVINGS_MAX),
    strangersMax: level === LEVEL_MAX ? 0 : strangersMax,
    idleMsMin: idleAtLeastMs,
    firstByteMsMin: firstByteAtLeastMs,
  }
}
