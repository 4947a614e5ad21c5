/** What is wrong with the addresses that hostnames resolved to. */
import { checkLoops } from '../config/check-loops.ts'
import { checkSourceFamilies } from '../config/check-source-families.ts'
import type { Config, UpstreamConfig } from '../config/config.ts'
import type { ConfigProblem } from '../config/problem.ts'
import { showValue } from '../config/problem.ts'
import type { ResolvedAddresses } from '../config/upstream-ips.ts'

/** Upstreams whose name has no address; `reasonByHostname` says why. */
export function unresolvedProblems(config: Config, reasonByHostname: ReadonlyMap<string, string>): ConfigProblem[] {
  return upstreamsOf(config).flatMap((upstream) => {
    const reason = upstream.hostIsIp ? undefined : reasonByHostname.get(upstream.host)
    if (reason === undefined) return []
    const message = `does not resolve to an address (${reason}); check the name and the name server, or write an IP address`
    return [{ code: 'E_CONFIG_UNRESOLVED', ...upstream.at, value: showValue(upstream.host), message }]
  })
}

/** Upstreams whose addresses cannot be used. */
export function unusableProblems(
  config: Config,
  addresses: ResolvedAddresses,
  localIps: ReadonlySet<string>,
): ConfigProblem[] {
  return [...checkSourceFamilies(config, addresses), ...checkLoops(config, addresses, localIps)]
}

/** Why the addresses of this one hostname cannot be used; undefined when they can. */
export function whyUnusable(
  hostname: string,
  config: Config,
  addresses: ResolvedAddresses,
  localIps: ReadonlySet<string>,
): string | undefined {
  const upstreams = upstreamsOf(config).filter(({ host, hostIsIp }) => !hostIsIp && host === hostname)
  const keys = new Set(upstreams.map(({ at }) => at.key))
  const problem = unusableProblems(config, addresses, localIps).find(({ key }) => keys.has(key))
  return problem === undefined ? undefined : `upstream ${problem.key} ${problem.message}`
}

/** Every hostname once. */
export function hostnamesOf(config: Config): string[] {
  const named = upstreamsOf(config).filter(({ hostIsIp }) => !hostIsIp)
  return [...new Set(named.map(({ host }) => host))]
}

function upstreamsOf(config: Config): UpstreamConfig[] {
  return config.services.flatMap((service) => service.upstreams)
}
