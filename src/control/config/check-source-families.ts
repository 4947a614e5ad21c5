/** With `sourceAddresses`, each upstream needs a source address of its own IP version: there is no other way out. */
import { isIPv4 } from 'node:net'
import type { Config, ServiceConfig } from './config.ts'
import type { ConfigProblem } from './problem.ts'
import { showValue } from './problem.ts'
import { upstreamIps } from './upstream-ips.ts'
import type { ResolvedAddresses } from './upstream-ips.ts'

/** Upstreams none of whose addresses can be reached; those without addresses are another check's. */
export function checkSourceFamilies(config: Config, addresses: ResolvedAddresses): ConfigProblem[] {
  return config.services.flatMap((service) =>
    service.upstreams.flatMap((upstream) => {
      const ips = upstreamIps(upstream, addresses)
      if (ips.length === 0 || ips.some((ip) => hasSourceFor(service, ip))) return []
      const version = isIPv4(ips[0]) ? 4 : 6
      const message = `has IPv${version} addresses only, and sourceAddresses has none of IPv${version}; add one`
      return [
        {
          code: 'E_CONFIG_SOURCE_FAMILY',
          ...upstream.at,
          value: showValue(upstream.text),
          message,
        },
      ]
    }),
  )
}

/** Can the service connect to this address? Without sourceAddresses the kernel finds a source. */
export function hasSourceFor({ sourceAddresses }: ServiceConfig, ip: string): boolean {
  const family = isIPv4(ip) ? 4 : 6
  return sourceAddresses.length === 0 || sourceAddresses.some((source) => source.family === family)
}
