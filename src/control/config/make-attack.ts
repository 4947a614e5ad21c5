/** `protect.attack`: from what is written to what the configuration keeps. Never looser than the ordinary limits. */
import { perSecond } from '../../lib/rate.ts'
import type { Rate } from '../../lib/rate.ts'
import type { Rule } from '../../traffic/tables.ts'
import { burstFor } from './burst.ts'
import type { AttackConfig, RateConfig, SourceLimitsConfig } from './config.ts'
import type { ParsedAttack } from './attack-schema.ts'

/** Of the ordinary limits. */
const PART = 4
/**
 * Shorter than that of the ordinary rates, which is ten seconds: known clients share a prefix's count with those that
 * are not, and find it less far ahead than they are allowed.
 */
const BURST_SECONDS = 2

interface Ordinary {
  readonly perAddress: SourceLimitsConfig
  readonly perPrefix: SourceLimitsConfig
  readonly newConnections: RateConfig
}

export function makeAttackConfig(parsed: ParsedAttack, ordinary: Ordinary): AttackConfig {
  const { mode, factor, floors } = parsed
  return {
    mode,
    startAfterMs: parsed.startAfter,
    endAfterMs: parsed.endAfter,
    learnForMs: parsed.learnFor,
    factor,
    floors: {
      newPerSecond: perSecond(floors.newConnections),
      sources: floors.sources,
      unusedShare: floors.unused / 100,
    },
    perAddress: budget(parsed.perAddress, ordinary.perAddress),
    perPrefix: budget(parsed.perPrefix, ordinary.perPrefix),
    newConnections: serviceBudget(parsed.newConnections, ordinary.newConnections),
  }
}

function budget(parsed: ParsedAttack['perAddress'], ordinary: SourceLimitsConfig): SourceLimitsConfig {
  const bounds = boundsOf(ordinary)
  const written = parsed.connections === 'off' ? 0 : (parsed.connections ?? part(ordinary.connections))
  const rate = slower(parsed.rate === undefined ? partOfRate(ordinary.rate) : parsed.rate, bounds.rate)
  return {
    rule: parsed.rule ?? ruleFrom(ordinary.rule),
    connections: bounds.connections === 0 ? written : Math.min(written || Infinity, bounds.connections),
    rate,
    burst: burstWithin(bounds, parsed.burst, rate),
  }
}

function serviceBudget(parsed: ParsedAttack['newConnections'], ordinary: RateConfig): RateConfig {
  const bounds = boundsOf(ordinary)
  const rate = slower(parsed.rate ?? partOfRate(ordinary.rate), bounds.rate)
  // Who writes a rate wants it kept.
  const rule = parsed.rule ?? (parsed.rate === undefined ? ruleFrom(ordinary.rule) : 'on')
  return { rule: rate === null ? 'off' : rule, rate, burst: burstWithin(bounds, parsed.burst, rate) }
}

/** A rule that is off bounds nobody, whatever stands beside it. */
function boundsOf<Limits extends RateConfig>(ordinary: Limits): Limits {
  return ordinary.rule === 'off' ? { ...ordinary, connections: 0, rate: null } : ordinary
}

/** Never more at once than on calm days. */
function burstWithin(bounds: RateConfig, written: number | undefined, rate: Rate | null): number {
  return Math.min(written ?? burstFor(rate, BURST_SECONDS), bounds.rate === null ? Infinity : bounds.burst)
}

/** On calm days a rule may well be on watch because nobody knows the clients yet; in an attack it is the attack that is refused. */
function ruleFrom(ordinary: Rule): Rule {
  return ordinary === 'off' ? 'off' : 'on'
}

/** 0 is no limit. */
function part(connections: number): number {
  return connections === 0 ? 0 : Math.max(1, Math.floor(connections / PART))
}

function partOfRate(rate: Rate | null): Rate | null {
  return rate && { count: rate.count, perMs: rate.perMs * PART }
}

function slower(one: Rate | null, other: Rate | null): Rate | null {
  if (one === null || other === null) return one ?? other
  return perSecond(one) <= perSecond(other) ? one : other
}
