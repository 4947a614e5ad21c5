/** A hedge comes before the dial beside which it is started is given up. */
import { formatDuration } from '../../lib/duration.ts'
import type { Config, ServiceConfig } from './config.ts'
import type { ConfigSource } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'

export function checkHedging(config: Config, source: ConfigSource): ConfigProblem[] {
  return config.services.flatMap(({ hedgeAfterMs, connectTimeoutMs }, i) => {
    if (hedgeAfterMs < connectTimeoutMs) return []
    const says = `is not shorter than connectTimeout, which is ${formatDuration(connectTimeoutMs)}`
    return [source.problem('E_CONFIG_VALUE', ['services', i, 'hedgeAfter'], says)]
  })
}

/** A sentence for each service that hedges in vain. */
export function hedgesInVain({ services }: Config): { readonly service: string; readonly sentence: string }[] {
  return services.filter(hasNobodyToHedge).map(({ name: service }) => {
    const sentence = `Service ${service} has hedgeAfter and one upstream address: there is no other to dial.`
    return { service, sentence }
  })
}

/**
 * There is nobody to dial beside the first. No mistake: who takes one of two upstreams out of the file must not be kept
 * from it. A hostname may resolve to several addresses at any time.
 */
function hasNobodyToHedge({ hedgeAfterMs, upstreams }: ServiceConfig): boolean {
  return hedgeAfterMs > 0 && upstreams.length === 1 && upstreams[0].hostIsIp
}
