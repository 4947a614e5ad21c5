/** A rule about countries or AS numbers names some, in one list, and has a database to go by. */
import type { Config, NetworkRuleConfig } from './config.ts'
import type { ConfigPath, ConfigSource } from './config-tree.ts'
import { databaseMissing } from './check-source-limits.ts'
import type { ConfigProblem } from './problem.ts'

/** `isWhole` is false where wrong parts were taken out before: then what is missing may be one of them. */
export function checkNetworkRules(config: Config, source: ConfigSource, isWhole: boolean): ConfigProblem[] {
  return config.services.flatMap(({ protect }, i) =>
    (['countries', 'asns'] as const).flatMap((key) => {
      const path = ['services', i, 'protect', key]
      const lists = checkLists(protect[key], path, source, isWhole)
      return isWhole ? lists.concat(checkDatabase(config, key, protect[key], path, source)) : lists
    }),
  )
}

function checkLists(
  { rule, allow, deny }: NetworkRuleConfig<unknown>,
  path: ConfigPath,
  source: ConfigSource,
  isWhole: boolean,
): ConfigProblem[] {
  if (allow !== undefined && deny !== undefined) {
    return [
      source.problem('E_CONFIG_VALUE', path, 'has both allow and deny; whoever is not allowed is refused already'),
    ]
  }
  if (rule === 'off' || !isWhole || allow !== undefined || deny !== undefined) return []
  return [source.problem('E_CONFIG_MISSING', path, `rule is ${rule} without allow or deny; add one of them`)]
}

function checkDatabase(
  { protect }: Config,
  key: 'countries' | 'asns',
  { rule }: NetworkRuleConfig<unknown>,
  path: ConfigPath,
  source: ConfigSource,
): ConfigProblem[] {
  const database = key === 'countries' ? 'countryDatabase' : 'asnDatabase'
  if (rule === 'off' || protect[database] !== undefined) return []
  return [source.problem('E_CONFIG_DATABASE', path, databaseMissing(database))]
}
