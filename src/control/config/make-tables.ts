/** The configuration and the resolved addresses as the tables that traffic works from. */
import { formatSocketAddress, socketAddress } from '../../lib/ip.ts'
import { CANDIDATES_MAX } from '../../traffic/tables.ts'
import type { Candidate, Listener, Service, Tables, Upstream } from '../../traffic/tables.ts'
import { hasSourceFor } from './check-source-families.ts'
import type { Config, ServiceConfig, UpstreamConfig } from './config.ts'
import type { StableSlots } from './stable-slots.ts'
import { upstreamIps } from './upstream-ips.ts'
import type { ResolvedAddresses } from './upstream-ips.ts'

/** How long a required PROXY header may take; HAProxy and go-proxyproto wait 10 s, nginx 30 s. */
export const ACCEPT_PROXY_TIMEOUT_MS = 5_000

/** Twice what can be in use at once: an address that comes back soon finds its old place. */
export function addressCapacityFor(config: Config): number {
  return config.services.length * CANDIDATES_MAX * 2
}

/** `warn` hears of addresses that are left out, in a sentence each. */
export function makeTables(
  config: Config,
  addresses: ResolvedAddresses,
  slots: StableSlots,
  version: number,
  warn: (message: string) => void = () => {},
): Tables {
  return {
    version,
    logConnections: config.log.connections,
    services: config.services.map((service) => makeService(service, addresses, slots, version, warn)),
  }
}

function makeService(
  service: ServiceConfig,
  addresses: ResolvedAddresses,
  slots: StableSlots,
  version: number,
  warn: (message: string) => void,
): Service {
  const upstreams = service.upstreams.map((upstream) => makeUpstream(service, upstream, slots))
  return {
    index: slots.services.indexOf(service.name),
    name: service.name,
    mode: service.mode,
    listeners: service.listen.map((_, i) => makeListener(service, i, slots)),
    upstreams,
    candidates: makeCandidates(service, upstreams, addresses, slots, version, warn),
    balance: service.balance,
    onFailure: service.onFailure,
    connectTimeoutMs: service.connectTimeoutMs,
    idleTimeoutMs: service.idleTimeoutMs,
    halfClosedTimeoutMs: service.halfClosedTimeoutMs,
    maxLifetimeMs: service.maxLifetimeMs,
    retryFailedAfterMs: service.retryFailedAfterMs,
    sourceAddresses: service.sourceAddresses,
    proxyHeader: service.proxyHeader,
    acceptProxyFrom: service.acceptProxyFrom,
    acceptProxyTimeoutMs: ACCEPT_PROXY_TIMEOUT_MS,
    clientSocket: service.clientSocket,
    upstreamSocket: service.upstreamSocket,
  }
}

/** Several listeners of a service may ask for any free port: the position among equal ones tells them apart. */
function makeListener(service: ServiceConfig, position: number, slots: StableSlots): Listener {
  const { text, address, dualStack } = service.listen[position]
  const equalBefore = service.listen.slice(0, position).filter((other) => other.text === text).length
  const index = slots.listeners.indexOf(`${service.name} ${text} ${equalBefore}`)
  return { index, address, dualStack }
}

function makeUpstream(service: ServiceConfig, upstream: UpstreamConfig, slots: StableSlots): Upstream {
  return { index: slots.upstreams.indexOf(`${service.name} ${upstream.name}`), name: upstream.name }
}

function makeCandidates(
  service: ServiceConfig,
  upstreams: readonly Upstream[],
  addresses: ResolvedAddresses,
  slots: StableSlots,
  version: number,
  warn: (message: string) => void,
): Candidate[] {
  const candidates: Candidate[] = []
  const seen = new Set<string>()
  let leftOut = 0
  for (const [i, upstream] of service.upstreams.entries()) {
    for (const ip of upstreamIps(upstream, addresses)) {
      const address = socketAddress(ip, upstream.port)!
      const key = `${service.name} ${formatSocketAddress(address)}`
      if (seen.has(key) || !hasSourceFor(service, ip)) continue
      seen.add(key)
      const addressIndex = candidates.length < CANDIDATES_MAX ? slots.addresses.indexOf(key, version) : undefined
      if (addressIndex === undefined) leftOut++
      else candidates.push({ upstreamIndex: upstreams[i].index, addressIndex, address })
    }
  }
  if (leftOut > 0)
    warn(
      `Service ${service.name} has ${leftOut} more upstream addresses than the ${CANDIDATES_MAX} that are tried; the last ones are left out`,
    )
  return candidates
}
