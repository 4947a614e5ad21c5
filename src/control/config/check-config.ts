/** The checks between values: what each value alone cannot show. */
import { checkActiveChecks } from './check-active-checks.ts'
import { checkAdmin } from './check-admin.ts'
import { checkBans } from './check-bans.ts'
import { checkFirstBytes } from './check-first-bytes.ts'
import { checkHedging } from './check-hedging.ts'
import { checkListeners } from './check-listeners.ts'
import { checkLoops } from './check-loops.ts'
import { checkOutliers } from './check-outliers.ts'
import { checkNetworkRules } from './check-network-rules.ts'
import { checkNames } from './check-names.ts'
import { checkNotify } from './check-notify.ts'
import { checkSourceLimits } from './check-source-limits.ts'
import { checkSourceFamilies } from './check-source-families.ts'
import type { Config } from './config.ts'
import type { ConfigSource } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'
import { NO_ADDRESSES } from './upstream-ips.ts'

/** `isWhole` is false where wrong parts were taken out before. */
export function checkConfig(config: Config, source: ConfigSource, isWhole: boolean): ConfigProblem[] {
  return [
    ...checkNames(config, source),
    ...checkListeners(config, source),
    ...checkAdmin(config, source),
    ...checkFirstBytes(config, source),
    // Where the one of two times can't be read, its default would be compared with the other.
    ...(isWhole ? checkBans(config, source) : []),
    ...(isWhole ? checkHedging(config, source) : []),
    ...(isWhole ? checkOutliers(config, source) : []),
    // A source address with a typo must not be missed a second time.
    ...(isWhole ? checkSourceFamilies(config, NO_ADDRESSES) : []),
    // And a rate that was taken out for its typo is not missing.
    ...(isWhole ? checkSourceLimits(config, source) : []),
    ...checkNetworkRules(config, source, isWhole),
    ...checkLoops(config, NO_ADDRESSES),
    ...checkActiveChecks(config, source),
    ...checkNotify(config, source, isWhole),
  ]
}
