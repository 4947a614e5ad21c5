/** The budgets of a service for strangers in an attack, in words. Pure. */
import { EARLY_MS_MAX, type RateLimit } from '../traffic/admit/rate-limit.ts'
import type { AttackBudgets, RateRule, Rule, SourceRule } from '../traffic/tables.ts'

export function budgetsText({ perAddress, perPrefix, newConnections }: AttackBudgets): string {
  const budgets = [
    sourceText('for one address', perAddress),
    sourceText('for its prefix', perPrefix),
    rateText('for all strangers together', newConnections),
  ].filter((text) => text !== undefined)
  return budgets.length === 0 ? 'without a budget of its own' : budgets.join(', ')
}

function sourceText(whose: string, { rule, connectionsMax, rate }: SourceRule): string | undefined {
  if (rule === 'off') return undefined
  const limits = [
    ...(connectionsMax === 0 ? [] : [`${connectionsMax} connections`]),
    ...(rate === null ? [] : [perTime(rate)]),
  ]
  return limits.length === 0 ? undefined : `${limits.join(' and ')} ${whose}${watched(rule)}`
}

function rateText(whose: string, { rule, rate }: RateRule): string | undefined {
  return rule === 'off' || rate === null ? undefined : `${perTime(rate)} ${whose}${watched(rule)}`
}

/** Seconds where that is one at least, else minutes or hours, with one decimal. */
function perTime({ intervalMs, aheadMsMax }: RateLimit): string {
  const burst = Math.round((aheadMsMax - EARLY_MS_MAX) / intervalMs) + 1
  const [ms, unit] = intervalMs <= 1000 ? [1000, 's'] : intervalMs <= 60_000 ? [60_000, 'm'] : [3_600_000, 'h']
  return `${Math.round((ms / intervalMs) * 10) / 10} new ones/${unit} (burst ${burst})`
}

function watched(rule: Rule): string {
  return rule === 'watch' ? ' (on watch)' : ''
}
