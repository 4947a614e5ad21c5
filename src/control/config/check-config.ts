/** The checks between values: what each value alone cannot show. */
import { checkListeners } from './check-listeners.ts'
import { checkLoops } from './check-loops.ts'
import { checkNames } from './check-names.ts'
import { checkSourceFamilies } from './check-source-families.ts'
import type { Config } from './config.ts'
import type { ConfigSource } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'
import { NO_ADDRESSES } from './upstream-ips.ts'

export function checkConfig(config: Config, source: ConfigSource): ConfigProblem[] {
  return [
    ...checkNames(config, source),
    ...checkListeners(config, source),
    ...checkSourceFamilies(config, NO_ADDRESSES),
    ...checkLoops(config, NO_ADDRESSES),
  ]
}
