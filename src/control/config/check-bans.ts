/** The longest ban is not shorter than the first. */
import { formatDuration } from '../../lib/duration.ts'
import type { Config } from './config.ts'
import type { ConfigSource } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'

export function checkBans({ protect }: Config, source: ConfigSource): ConfigProblem[] {
  const { ttlMs, ttlMaxMs } = protect.bans
  if (ttlMaxMs >= ttlMs) return []
  const says = `ttl is ${formatDuration(ttlMs)} and longer than ttlMax, which is ${formatDuration(ttlMaxMs)}`
  return [source.problem('E_CONFIG_VALUE', ['protect', 'bans'], says)]
}
