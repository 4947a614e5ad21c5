/** What is asked for one upstream: where to connect, and with which names. */
import { formatSocketAddress, parseIp, type SocketAddress } from '../../lib/ip.ts'
import type { Service } from '../../traffic/tables.ts'
import type { ActiveCheckConfig, CheckUrl } from '../config/active-check.ts'
import type { ServiceConfig, UpstreamConfig } from '../config/config.ts'

/** One upstream with all that its check needs to know. */
export interface CheckPlan {
  readonly service: string
  readonly upstream: string
  readonly check: ActiveCheckConfig
  readonly url: CheckUrl
  /** `host` of the upstream's configuration, and its address as written. */
  readonly host: string
  readonly hostIsIp: boolean
  readonly port: number
  /** As traffic to the upstream, from the first one of its IP version. */
  readonly sourceAddresses: readonly SocketAddress[]
}

export function checkPlan(service: ServiceConfig, upstream: UpstreamConfig): CheckPlan | undefined {
  if (service.check === undefined) return undefined
  return {
    service: service.name,
    upstream: upstream.name,
    check: service.check,
    url: upstream.checkUrl ?? service.check.url,
    host: upstream.host,
    hostIsIp: upstream.hostIsIp,
    port: upstream.port,
    sourceAddresses: service.sourceAddresses,
  }
}

export type Destination =
  | { readonly kind: 'address'; readonly address: SocketAddress; readonly localAddress: string | undefined }
  | { readonly kind: 'hostname'; readonly host: string; readonly port: number }

/** Where the attempt goes; several places are asked at once, and one good answer is enough. */
export function destinationsOf(plan: CheckPlan, addresses: readonly SocketAddress[]): Destination[] {
  const { target } = plan.url
  if (plan.check.type === 'http' && target.kind === 'elsewhere') {
    const { host, port, hostIsIp } = target
    if (!hostIsIp) return [{ kind: 'hostname', host, port }]
    const family = parseIp(host)!.length === 4 ? 4 : 6
    return [{ kind: 'address', address: { family, address: host, port }, localAddress: undefined }]
  }
  const port = plan.check.type === 'http' && target.kind === 'upstream' ? target.port : undefined
  return addresses.map((address) => ({
    kind: 'address',
    address: { ...address, port: port ?? address.port },
    localAddress: plan.sourceAddresses.find(({ family }) => family === address.family)?.address,
  }))
}

/** Its attempts connect to the very addresses and port that clients are sent to. */
export function goesWhereClientsGo({ check, url, port }: CheckPlan): boolean {
  if (check.type === 'tcp') return true
  return url.target.kind === 'upstream' && (url.target.port ?? port) === port
}

/** The addresses of an upstream that traffic may dial now. */
export function addressesIn(service: Service, upstreamIndex: number): SocketAddress[] {
  return service.candidates
    .filter((candidate) => candidate.upstreamIndex === upstreamIndex)
    .map(({ address }) => address)
}

/** The Host header where the configuration gives none, without the scheme's own port [RFC 9110 7.2]. */
export function hostHeaderOf({ url, host, hostIsIp, port }: CheckPlan): string {
  const name = url.target.kind === 'elsewhere' ? url.target.host : host
  const isIp = url.target.kind === 'elsewhere' ? url.target.hostIsIp : hostIsIp
  const ownPort = url.target.port ?? port
  const shown = isIp && name.includes(':') ? `[${name}]` : name
  return ownPort === (url.isHttps ? 443 : 80) ? shown : `${shown}:${ownPort}`
}

/** The name that the certificate must be for: a hostname, or an IP address. */
export function certificateNameOf({ check, url, host }: CheckPlan): string {
  return check.tls.serverName ?? (url.target.kind === 'elsewhere' ? url.target.host : host)
}

/** As people read it. */
export function destinationText(destination: Destination): string {
  if (destination.kind === 'address') return formatSocketAddress(destination.address)
  return `${destination.host}:${destination.port}`
}

/** What is tried, for logs: `GET http://203.0.113.10:80/health`, `connect to 203.0.113.10:25`. */
export function actionText({ check, url }: CheckPlan, destination: Destination): string {
  const where = destinationText(destination)
  if (check.type === 'tcp') return `connect to ${where}`
  return `${check.method} ${url.isHttps ? 'https' : 'http'}://${where}${shownPath(url.path)}`
}

const PATH_SHOWN_MAX = 100

/** Keys to health services stand in queries: they belong in no log. */
function shownPath(path: string): string {
  const query = path.indexOf('?')
  const end = query === -1 ? path.length : query + 1
  return end > PATH_SHOWN_MAX || query !== -1 ? `${path.slice(0, Math.min(end, PATH_SHOWN_MAX))}…` : path
}
