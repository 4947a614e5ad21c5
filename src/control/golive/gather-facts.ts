/** Looks at everything that can be looked at from here, for one service. */
import { Semaphore } from '../resolve/semaphore.ts'
import type { ChecklistService, CutOver, GoliveFacts } from './checklist/item.ts'
import { probeDns } from './dns/probe-dns.ts'
import type { ExposureReport } from './exposure/report.ts'
import { nodeAddresses } from './own-addresses.ts'
import { probeUpstream, type UpstreamProbe } from './probe/probe-upstream.ts'
import { serviceAddresses } from './service-addresses.ts'
import type { ServiceConfig } from '../config/config.ts'

export interface GatherOptions {
  readonly domain?: string | undefined
  /** The service's public addresses, where its listeners do not tell. */
  readonly addresses?: readonly string[] | undefined
  readonly oldAddresses?: readonly string[] | undefined
  readonly subdomains?: readonly string[] | undefined
  /** Name servers, as for probeDns. */
  readonly servers?: readonly string[] | undefined
  readonly exposures?: readonly ExposureReport[] | undefined
  readonly cutOver?: CutOver | undefined
  readonly answerTimeoutMs?: number | undefined
}

const PROBES_AT_ONCE_MAX = 4
/** Of a service with more, the first are asked, which come first for clients, too. */
const PROBED_UPSTREAMS_MAX = 32

/** Throws DnsProbeError for a domain or server that is none. */
export async function gatherFacts(
  service: ChecklistService & Pick<ServiceConfig, 'sourceAddresses'>,
  options: GatherOptions = {},
): Promise<GoliveFacts> {
  const addresses =
    options.addresses === undefined || options.addresses.length === 0 ? serviceAddresses(service) : options.addresses
  const { domain, servers, subdomains } = options
  const upstreams = service.upstreams.map(({ host }) => host)
  const [probeByUpstream, dns] = await Promise.all([
    probeAll(service, options.answerTimeoutMs),
    domain === undefined
      ? undefined
      : probeDns(domain, { addresses, upstreams, servers, subdomains, asksAuthority: servers === undefined }),
  ])
  return {
    nowMs: Date.now(),
    addresses,
    probeByUpstream,
    dns,
    oldAddresses: options.oldAddresses,
    exposures: options.exposures,
    nodes: nodeAddresses([service]),
    cutOver: options.cutOver,
  }
}

async function probeAll(
  { upstreams }: ChecklistService,
  answerTimeoutMs: number | undefined,
): Promise<ReadonlyMap<string, UpstreamProbe>> {
  const places = new Semaphore(PROBES_AT_ONCE_MAX)
  const probed = await Promise.all(
    upstreams
      .slice(0, PROBED_UPSTREAMS_MAX)
      .map(async ({ name, text }) => [name, await places.run(() => probeUpstream(text, { answerTimeoutMs }))] as const),
  )
  return new Map(probed)
}
