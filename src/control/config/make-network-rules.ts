/** `protect.countries` and `protect.asns`: from what is written to what the configuration keeps, and to what admission works with. */
import { countryNumber } from '../../lib/country-code.ts'
import { numberSet } from '../../lib/number-set.ts'
import type { NetworkRule, NetworkRuleSet } from '../../traffic/tables.ts'
import type { NetworkRuleConfig, NetworkRulesConfig } from './config.ts'
import type { ParsedService } from './schema.ts'

type Parsed = ParsedService['protect']

export function makeNetworkRulesConfig({ countries, asns }: Parsed): NetworkRulesConfig {
  return { countries: ruleConfig(countries), asns: ruleConfig(asns) }
}

interface ParsedRule<Named> {
  readonly rule: NetworkRule['rule']
  readonly allow?: readonly Named[] | undefined
  readonly deny?: readonly Named[] | undefined
  readonly unknown?: NetworkRule['unknown'] | undefined
}

function ruleConfig<Named>(parsed: ParsedRule<Named> | undefined): NetworkRuleConfig<Named> {
  if (parsed === undefined) return { rule: 'off', allow: undefined, deny: undefined, unknown: 'admit' }
  const { rule, allow, deny, unknown = allow === undefined ? 'admit' : 'refuse' } = parsed
  return { rule, allow, deny, unknown }
}

export function makeNetworkRules({ countries, asns }: NetworkRulesConfig): NetworkRuleSet {
  return { countries: networkRule(countries, countryNumber), asns: networkRule(asns, (asn) => asn) }
}

function networkRule<Named>(
  { rule, allow, deny, unknown }: NetworkRuleConfig<Named>,
  numberOf: (named: Named) => number,
): NetworkRule {
  const numbers = numberSet((allow ?? deny ?? []).map(numberOf))
  return { rule, named: allow === undefined ? 'refuse' : 'admit', numbers, unknown }
}
