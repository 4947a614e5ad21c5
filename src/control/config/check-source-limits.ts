/** A rule that looks at a rate has one. */
import type { Config } from './config.ts'
import type { ConfigSource } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'

export function checkSourceLimits(config: Config, source: ConfigSource): ConfigProblem[] {
  return config.services.flatMap(({ protect: { newConnections } }, i) => {
    if (newConnections.rule === 'off' || newConnections.rate !== null) return []
    const says = `rule is ${newConnections.rule} without a rate; add one, such as rate: 500/s`
    return [source.problem('E_CONFIG_MISSING', ['services', i, 'protect', 'newConnections'], says)]
  })
}
