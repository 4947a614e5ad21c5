/** The limits for sources in `protect`: from what is written to what the configuration keeps, and to what admission works with. */
import { rateLimit } from '../../traffic/admit/rate-limit.ts'
import type { RateLimit } from '../../traffic/admit/rate-limit.ts'
import type { SourceRules } from '../../traffic/tables.ts'
import type { AttackThresholds } from '../detect/detector.ts'
import { BURST_AT_LEAST, burstFor } from './burst.ts'
import { makeAttackConfig } from './make-attack.ts'
import type { AttackConfig, RateConfig, SourceLimitsConfig, SourceRulesConfig } from './config.ts'
import type { ParsedService } from './schema.ts'

/** Enough for a page with its parts, or for all clients behind one address that come back after an outage of seconds. */
const BURST_SECONDS = 10

const NO_LIMITS: SourceLimitsConfig = { rule: 'off', connections: 0, rate: null, burst: BURST_AT_LEAST }

type Parsed = ParsedService['protect']

export function makeSourceRulesConfig(parsed: Parsed): SourceRulesConfig {
  const { rule, rate = null, burst } = parsed.newConnections
  const ordinary = {
    perAddress: sourceLimits(parsed.perAddress),
    perPrefix: sourceLimits(parsed.perPrefix),
    perAsn: parsed.perAsn === undefined ? NO_LIMITS : sourceLimits(parsed.perAsn),
    newConnections: { rule, rate, burst: burst ?? burstFor(rate, BURST_SECONDS) },
  }
  return { tarpitForMs: parsed.tarpitFor, ...ordinary, attack: makeAttackConfig(parsed.attack, ordinary) }
}

function sourceLimits({ rule, connections, rate, burst }: Parsed['perAddress']): SourceLimitsConfig {
  return {
    rule,
    connections: connections === 'off' ? 0 : connections,
    rate,
    burst: burst ?? burstFor(rate, BURST_SECONDS),
  }
}

export function makeSourceRules({ tarpitForMs, attack, ...ordinary }: SourceRulesConfig): SourceRules {
  const { perAsn } = ordinary
  return {
    tarpitForMs,
    ...makeRules(ordinary),
    perAsn: { rule: perAsn.rule, connectionsMax: perAsn.connections, rate: limitOf(perAsn) },
    attack: makeRules(attack),
  }
}

function makeRules({ perAddress, perPrefix, newConnections }: Omit<AttackConfig, 'mode' | keyof AttackThresholds>) {
  return {
    perAddress: { rule: perAddress.rule, connectionsMax: perAddress.connections, rate: limitOf(perAddress) },
    perPrefix: { rule: perPrefix.rule, connectionsMax: perPrefix.connections, rate: limitOf(perPrefix) },
    newConnections: { rule: newConnections.rule, rate: limitOf(newConnections) },
  }
}

function limitOf({ rate, burst }: RateConfig): RateLimit | null {
  return rate && rateLimit(rate.count, rate.perMs, burst)
}
