/** The configuration and the resolved addresses as the tables that traffic works from. */
import { formatSocketAddress, socketAddress } from '../../lib/ip.ts'
import type { SocketAddress } from '../../lib/ip.ts'
import { CANDIDATES_MAX } from '../../traffic/tables.ts'
import type { Candidate, Listener, Service, ServiceAffinity, Tables, Upstream } from '../../traffic/tables.ts'
import { hasSourceFor } from './check-source-families.ts'
import type { Config, ServiceConfig, UpstreamConfig } from './config.ts'
import { makeNetworkRules } from './make-network-rules.ts'
import { makeSourceRules } from './make-source-limits.ts'
import type { StableSlots } from './stable-slots.ts'
import { upstreamIps } from './upstream-ips.ts'
import type { ResolvedAddresses } from './upstream-ips.ts'

/** How long a required PROXY header may take; HAProxy and go-proxyproto wait 10 s, nginx 30 s. */
export const ACCEPT_PROXY_TIMEOUT_MS = 5_000

/** Room for what reloads add. Memory that is never used is never touched. */
const SERVICES_AT_LEAST = 256
const UPSTREAMS_AT_LEAST = 1024

/** Places in shared memory, chosen at the start: what is configured twice over, and never few. */
export interface Capacity {
  readonly services: number
  readonly upstreams: number
  /** Twice what this config can use at once, and more with the services: an address that comes back soon finds its old place. */
  readonly addresses: number
}

export function capacityFor(config: Config): Capacity {
  const upstreams = config.services.reduce((sum, service) => sum + service.upstreams.length, 0)
  const services = Math.max(config.services.length * 2, SERVICES_AT_LEAST)
  return {
    services,
    upstreams: Math.max(upstreams * 2, UPSTREAMS_AT_LEAST),
    addresses: services * CANDIDATES_MAX,
  }
}

/** `warn` hears of addresses that are left out, in a sentence each. */
export function makeTables(
  config: Config,
  addresses: ResolvedAddresses,
  slots: StableSlots,
  version: number,
  warn: (message: string) => void = () => {},
): Tables {
  slots.affinity.keepOnly(config.services.filter(({ affinity }) => affinity !== null).map(({ name }) => name))
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
    slowStartMs: service.slowStartMs,
    affinity: makeAffinity(service, slots),
    maxConnections: service.maxConnections,
    whenAllDown: service.whenAllDown,
    onDown: service.onDown,
    // The memory is that of the running node: queues.ts brings it in.
    queue: { ...service.queue, memory: undefined },
    outlier: service.outlier,
    onFailure: service.onFailure,
    connectTimeoutMs: service.connectTimeoutMs,
    hedgeAfterMs: service.hedgeAfterMs,
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
    protect: { ...service.protect, ...makeSourceRules(service.protect), ...makeNetworkRules(service.protect) },
  }
}

function makeAffinity({ name, affinity }: ServiceConfig, slots: StableSlots): ServiceAffinity | null {
  return affinity && { ttlMs: affinity.ttlMs, memory: slots.affinity.of(name, affinity.clientsMax) }
}

/** Several listeners of a service may ask for any free port: the position among equal ones tells them apart. */
/**
 * A listener is its address, so that it can move to another service without being closed. Several may ask for any free
 * port: the service and the position among equal ones tell those apart.
 */
function makeListener(service: ServiceConfig, position: number, slots: StableSlots): Listener {
  const { text, address, dualStack } = service.listen[position]
  const equalBefore = service.listen.slice(0, position).filter((other) => other.text === text).length
  const whose = address.port === 0 ? `${service.name} ${equalBefore} ` : ''
  const index = slots.listeners.indexOf(`${whose}${dualStack ? '*' : ''}${formatSocketAddress(address)}`)
  return { index, address, dualStack }
}

function makeUpstream(service: ServiceConfig, upstream: UpstreamConfig, slots: StableSlots): Upstream {
  const { name, weight, backup, maxConnections } = upstream
  const share = { weight, backup, maxConnections }
  return { index: slots.upstreams.indexOf(`${service.name} ${name}`), name, share }
}

/** Every address of every upstream in order; when there are too many, each upstream keeps at least its first. */
function makeCandidates(
  service: ServiceConfig,
  upstreams: readonly Upstream[],
  addresses: ResolvedAddresses,
  slots: StableSlots,
  version: number,
  warn: (message: string) => void,
): Candidate[] {
  const addressesByUpstream = distinctAddresses(service, addresses)
  const candidates: Candidate[] = []
  let leftOut = 0
  for (const [i, own] of addressesByUpstream.entries()) {
    const owed = addressesByUpstream.slice(i + 1).filter((later) => later.length > 0).length
    const taken = own.slice(0, Math.max(CANDIDATES_MAX - candidates.length - owed, 0))
    for (const address of taken) {
      const addressIndex = slots.addresses.indexOf(`${service.name} ${formatSocketAddress(address)}`, version)
      if (addressIndex === undefined) continue
      const { index: upstreamIndex, share } = upstreams[i]
      candidates.push({
        upstreamIndex,
        addressIndex,
        address,
        share: { ...share, weight: share.weight / taken.length },
      })
    }
    leftOut += own.length - taken.length
  }
  if (leftOut > 0) {
    warn(
      `Service ${service.name} has ${CANDIDATES_MAX + leftOut} upstream addresses and ${CANDIDATES_MAX} are tried; ${leftOut} are left out`,
    )
  }
  return candidates
}

/** An address belongs to the first upstream that has it. Those that no source address can reach are left out. */
function distinctAddresses(service: ServiceConfig, addresses: ResolvedAddresses): SocketAddress[][] {
  const seen = new Set<string>()
  return service.upstreams.map((upstream) => {
    const reachable = upstreamIps(upstream, addresses).filter((ip) => hasSourceFor(service, ip))
    const own = reachable.map((ip) => socketAddress(ip, upstream.port)!)
    const fresh = own.filter((address) => !seen.has(formatSocketAddress(address)))
    for (const address of fresh) seen.add(formatSocketAddress(address))
    return fresh
  })
}
