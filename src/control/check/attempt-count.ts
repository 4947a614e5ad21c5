/**
 * The decision of one check: attempts follow each other until `successes` of them were good or `failures` were bad,
 * whichever comes first. Pure; who makes the attempts is checked-upstream.ts.
 */
import type { AttemptRule } from '../config/active-check.ts'

export interface AttemptCount {
  readonly good: number
  readonly bad: number
}

export const NO_ATTEMPTS: AttemptCount = { good: 0, bad: 0 }

export type Decision = 'up' | 'down' | 'undecided'

/** The count after one more attempt, and what it decides. */
export function countAttempt(
  rule: Pick<AttemptRule, 'successes' | 'failures'>,
  before: AttemptCount,
  isGood: boolean,
): { readonly count: AttemptCount; readonly decision: Decision } {
  const count = { good: before.good + (isGood ? 1 : 0), bad: before.bad + (isGood ? 0 : 1) }
  if (count.good >= rule.successes) return { count, decision: 'up' }
  return { count, decision: count.bad >= rule.failures ? 'down' : 'undecided' }
}

/** What a decision changes: unknown counts as up, so a first check that ends well is no news. */
export function newsOf(before: 'unknown' | 'up' | 'down', decided: 'up' | 'down'): 'left' | 'back' | undefined {
  if (decided === 'down') return before === 'down' ? undefined : 'left'
  return before === 'down' ? 'back' : undefined
}

/** From the start of one check to the start of the next. `random` is from 0 to just below 1. */
export function intervalWithJitter(intervalMs: number, jitterPart: number, random: number): number {
  return intervalMs * (1 + jitterPart * (2 * random - 1))
}
