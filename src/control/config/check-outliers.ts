/** The longest time out is not shorter than the first. */
import { formatDuration } from '../../lib/duration.ts'
import type { Config } from './config.ts'
import type { ConfigSource } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'

export function checkOutliers(config: Config, source: ConfigSource): ConfigProblem[] {
  return config.services.flatMap(({ outlier }, i) => {
    if (outlier.ejectForMsMax >= outlier.ejectForMs) return []
    const [first, longest] = [outlier.ejectForMs, outlier.ejectForMsMax].map(formatDuration)
    const says = `ejectFor is ${first} and longer than ejectForMax, which is ${longest}`
    return [source.problem('E_CONFIG_VALUE', ['services', i, 'outlier'], says)]
  })
}
