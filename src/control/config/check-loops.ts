/** No connection comes back to the service it left: one client would use up every connection there is. */
import { socketAddress } from '../../lib/ip.ts'
import type { Config, ServiceConfig, UpstreamConfig } from './config.ts'
import type { ConfigProblem } from './problem.ts'
import { showValue } from './problem.ts'
import { listenerTakes } from './listener-overlap.ts'
import { upstreamIps } from './upstream-ips.ts'
import type { ResolvedAddresses } from './upstream-ips.ts'

interface Edge {
  readonly upstream: UpstreamConfig
  readonly to: ServiceConfig
}

const NONE_KNOWN: ReadonlySet<string> = new Set()

/**
 * One problem for each upstream that leads back to its own service, directly or through others. Without `localIps`,
 * the addresses of this machine, a wildcard listener is known to take connections to loopback only.
 */
export function checkLoops(
  config: Config,
  addresses: ResolvedAddresses,
  localIps: ReadonlySet<string> = NONE_KNOWN,
): ConfigProblem[] {
  const servicesByPort = groupByPort(config)
  const edgesByService = new Map<ServiceConfig, Edge[]>()
  for (const service of config.services)
    edgesByService.set(service, edgesFrom(service, servicesByPort, addresses, localIps))
  return config.services.flatMap((service) =>
    edgesByService.get(service)!.flatMap(({ upstream, to }) => {
      const way = wayTo(service, to, edgesByService)
      return way === undefined ? [] : [loopProblem(upstream, way)]
    }),
  )
}

function groupByPort(config: Config): Map<number, ServiceConfig[]> {
  const servicesByPort = new Map<number, ServiceConfig[]>()
  for (const service of config.services) {
    for (const port of new Set(service.listen.map(({ address }) => address.port))) {
      const listening = servicesByPort.get(port)
      if (listening === undefined) servicesByPort.set(port, [service])
      else listening.push(service)
    }
  }
  return servicesByPort
}

function edgesFrom(
  service: ServiceConfig,
  servicesByPort: ReadonlyMap<number, ServiceConfig[]>,
  addresses: ResolvedAddresses,
  localIps: ReadonlySet<string>,
): Edge[] {
  return service.upstreams.flatMap((upstream) => {
    const targets = upstreamIps(upstream, addresses).map((ip) => socketAddress(ip, upstream.port)!)
    const reached = (servicesByPort.get(upstream.port) ?? []).filter((other) =>
      other.listen.some((listen) => targets.some((target) => listenerTakes(listen, target, localIps))),
    )
    return reached.map((to) => ({ upstream, to }))
  })
}

/** The services passed from `from` to `goal`, both named; undefined when there is no way. */
function wayTo(
  goal: ServiceConfig,
  from: ServiceConfig,
  edgesByService: ReadonlyMap<ServiceConfig, Edge[]>,
): ServiceConfig[] | undefined {
  const cameFrom = new Map<ServiceConfig, ServiceConfig | undefined>([[from, undefined]])
  const queue = [from]
  for (const service of queue) {
    if (service === goal) return backTrack(goal, cameFrom)
    for (const { to } of edgesByService.get(service)!) {
      if (cameFrom.has(to)) continue
      cameFrom.set(to, service)
      queue.push(to)
    }
  }
  return undefined
}

function backTrack(
  goal: ServiceConfig,
  cameFrom: ReadonlyMap<ServiceConfig, ServiceConfig | undefined>,
): ServiceConfig[] {
  const way: ServiceConfig[] = []
  for (let service: ServiceConfig | undefined = goal; service !== undefined; service = cameFrom.get(service))
    way.unshift(service)
  return way
}

function loopProblem(upstream: UpstreamConfig, way: readonly ServiceConfig[]): ConfigProblem {
  const others = way.slice(0, -1).map(({ name }) => name)
  const isOwn = others.length === 0
  const through = isOwn
    ? 'is a listener of its own service'
    : `leads back to its own service through ${others.join(', ')}`
  return {
    code: 'E_CONFIG_LOOP',
    ...upstream.at,
    value: showValue(upstream.text),
    message: `${through}; every connection would go round without end`,
  }
}
