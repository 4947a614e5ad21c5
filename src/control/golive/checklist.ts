/**
 * What has to be true before clients are sent to a service, in the order in which it is done. Pure: facts in, items
 * out. Whoever shows it (the command line, the dashboard) gathers the facts.
 */
import { networkContains, parseIp } from '../../lib/ip.ts'
import type { ServiceConfig } from '../config/config.ts'
import { neighbourhood } from './dns/dns-leaks.ts'
import type { DnsProbe } from './dns/probe-dns.ts'
import { worstVerdict } from './exposure/look-at-host.ts'
import type { ExposedPort, ExposureReport } from './exposure/report.ts'
import { isPrivate } from './own-addresses.ts'
import type { UpstreamProbe } from './probe/probe-upstream.ts'

/** Every item there is, in order. */
export const CHECKLIST_IDS = [
  'upstream-ready',
  'dns',
  'dns-leaks',
  'upstream-address',
  'firewall',
  'exposure',
  'cut-over',
] as const
export type ChecklistId = (typeof CHECKLIST_IDS)[number]

/** `unknown`: nobody has looked, or looking told nothing. */
export type ChecklistState = 'ok' | 'warn' | 'fail' | 'unknown'

export interface ChecklistItem {
  readonly id: ChecklistId
  readonly title: string
  readonly state: ChecklistState
  /** One sentence, or several. */
  readonly saw: string
  /** What to do; absent where nothing is left to do. */
  readonly next?: string
}

export type ChecklistService = Pick<ServiceConfig, 'name' | 'mode' | 'listen' | 'upstreams'>

/** Whatever is absent nobody has looked at. */
export interface GoliveFacts {
  readonly nowMs: number
  /** The service's public addresses. */
  readonly addresses: readonly string[]
  /** By the upstream's name. */
  readonly probeByUpstream: ReadonlyMap<string, UpstreamProbe>
  readonly dns?: DnsProbe | undefined
  /** Upstreams' addresses that attackers may know, from before the attack; an empty list: there are none. */
  readonly oldAddresses?: readonly string[] | undefined
  /** The last report of a vantage for each upstream's host or address. */
  readonly exposures?: readonly ExposureReport[] | undefined
  /** Addresses of our nodes: a vantage there sees what only nodes see. */
  readonly nodes?: readonly string[] | undefined
  readonly cutOver?: CutOver | undefined
}

export type CutOver =
  | { readonly state: 'planned'; readonly atMs: number }
  | { readonly state: 'done'; readonly atMs: number }

/** A report that is older says little: firewalls change. Six of the looks that are taken every 4 h. */
export const EXPOSURE_AGE_MAX_MS = 24 * 3_600_000

type Verdict = Pick<ChecklistItem, 'state' | 'saw' | 'next'>
type Look = (service: ChecklistService, facts: GoliveFacts) => Verdict

const LOOKS: Readonly<Record<Exclude<ChecklistId, 'cut-over'>, readonly [title: string, look: Look]>> = {
  'upstream-ready': ['Upstream ready', lookAtUpstreams],
  dns: ['DNS leads to the service', lookAtDns],
  'dns-leaks': ['DNS gives no upstream away', lookAtLeaks],
  'upstream-address': ["Upstream's address is new", lookAtAddresses],
  firewall: ["Firewall on the upstream's machine", lookAtFirewall],
  exposure: ['Upstream does not answer strangers', lookAtExposure],
}

export function checklist(service: ChecklistService, facts: GoliveFacts): ChecklistItem[] {
  const items = CHECKLIST_IDS.flatMap((id): ChecklistItem[] => {
    if (id === 'cut-over') return []
    const [title, look] = LOOKS[id]
    return [{ id, title, ...look(service, facts) }]
  })
  return [...items, { id: 'cut-over', title: 'Cut-over', ...lookAtCutOver(items, facts) }]
}

export function worstState(items: readonly Pick<ChecklistItem, 'state'>[]): ChecklistState {
  const order: readonly ChecklistState[] = ['fail', 'unknown', 'warn', 'ok']
  return order.find((state) => items.some((item) => item.state === state)) ?? 'ok'
}

/** The worst of several, with the sentences of all that are no better. */
function worstOf(verdicts: readonly Verdict[], otherwise: Verdict): Verdict {
  const state = worstState(verdicts)
  const worst = verdicts.filter((verdict) => verdict.state === state)
  if (worst.length === 0 || state === 'ok') return otherwise
  const next = [...new Set(worst.flatMap(({ next }) => (next === undefined ? [] : [next])))].join(' ')
  return { state, saw: worst.map(({ saw }) => saw).join(' '), ...(next === '' ? {} : { next }) }
}

function lookAtUpstreams(service: ChecklistService, { probeByUpstream }: GoliveFacts): Verdict {
  const verdicts = service.upstreams.map(({ name, text }) => {
    const probe = probeByUpstream.get(name)
    if (probe !== undefined) return lookAtUpstream(service, name, probe)
    const next = `tidegate probe upstream ${text}`
    return { state: 'unknown', saw: `${name} was not asked.`, next } as const
  })
  const times = [...probeByUpstream.values()].flatMap(({ connectMs }) => (connectMs === undefined ? [] : [connectMs]))
  const count = service.upstreams.length === 1 ? 'The upstream' : `All ${service.upstreams.length} upstreams`
  const slowest = times.length === 0 ? '' : ` A connect takes ${Math.max(...times)} ms at most.`
  return worstOf(verdicts, {
    state: 'ok',
    saw: `${count} answered as mode ${service.mode} needs.${slowest}`,
  })
}

function lookAtUpstream({ mode, name: service }: ChecklistService, name: string, probe: UpstreamProbe): Verdict {
  const header = mode === 'raw' ? 'none' : mode === 'proxy-v1' ? 'v1' : 'v2'
  const isReached = probe.connectMs !== undefined
  const remedy = probe.remedy === undefined ? {} : { next: probe.remedy }
  if (!isReached) return { state: 'fail', saw: `${name}: ${probe.sentence}`, ...remedy }
  if (probe.takes[header] === 'yes') return { state: 'ok', saw: `${name}: ${probe.sentence}` }
  if (probe.takes[header] === 'unknown' || probe.mode === undefined)
    return { state: 'unknown', saw: `${name}: ${probe.sentence}`, ...remedy }
  const next =
    probe.mode === 'raw'
      ? `Switch on the PROXY protocol at ${name}, or set mode: raw for ${service}.`
      : `Set mode: ${probe.mode} for ${service}.`
  return { state: 'fail', saw: `${name}: ${probe.sentence} The service has mode ${mode}.`, next }
}

function lookAtDns({ name }: ChecklistService, { dns, addresses }: GoliveFacts): Verdict {
  const expected = addresses.join(' and ')
  if (addresses.length === 0) {
    return {
      state: 'unknown',
      saw: `No public address of ${name} is known: it listens on private ones.`,
      next: 'Name the address that clients see: --address.',
    }
  }
  if (dns === undefined) {
    return { state: 'unknown', saw: 'No domain was looked up.', next: 'Name it: --domain.' }
  }
  const { domain } = dns
  if (dns.pointsTo === 'unknown')
    return {
      state: 'unknown',
      saw: `No name server told of ${domain}: ${problemsOf(dns)}.`,
      next: 'Try again, or ask another: --server.',
    }
  if (dns.pointsTo === 'nowhere')
    return { state: 'fail', saw: `${domain} has no address.`, next: `Set its A and AAAA records to ${expected}.` }
  const ttl = dns.ttlS === undefined ? '' : ` A change takes up to ${seconds(dns.ttlS)} (TTL).`
  if (dns.pointsTo === 'service') return { state: 'ok', saw: `${domain} leads to ${name} and nowhere else.${ttl}` }
  if (dns.isRunningOut) {
    return {
      state: 'warn',
      saw: `The records are changed; a resolver still gives ${dns.strangers.join(', ')}, for ${seconds(dns.oldGoneInS ?? 0)} at most.`,
      next: 'Wait until then before the old address stops serving.',
    }
  }
  const shown = dns.upstreamsShown.length === 0 ? '' : ' It is an upstream: clients and attackers go round the service.'
  return {
    state: 'fail',
    saw: `${domain} leads to ${dns.strangers.join(', ')}, which is not ${name}.${shown}${ttl}`,
    next: `Set its A and AAAA records to ${expected}, and nothing else.`,
  }
}

function problemsOf(dns: DnsProbe): string {
  return [...new Set(dns.sights.flatMap(({ problem }) => (problem === undefined ? [] : [problem])))].join(', ')
}

function lookAtLeaks(_: ChecklistService, { dns }: GoliveFacts): Verdict {
  if (dns === undefined) return { state: 'unknown', saw: 'No domain was looked up.', next: 'Name it: --domain.' }
  const own = dns.leaks.filter(({ closeness }) => closeness === 'address')
  if (own.length > 0) {
    const found = own.map(({ name, type, upstream }) => `${type} of ${name} shows ${upstream}.`).join(' ')
    return {
      state: 'fail',
      saw: found,
      next: 'Move what these records are for to another machine, or lead them through a service; then change the address of the upstream.',
    }
  }
  if (dns.leaks.length > 0) {
    const near = dns.leaks.map(({ name, type, found, upstream }) => `${type} of ${name}: ${found}, near ${upstream}.`)
    return {
      state: 'warn',
      saw: `Records show the network of an upstream, which can be searched. ${near.join(' ')}`,
      next: 'Better an address from another network; the firewall has to drop strangers in any case.',
    }
  }
  if (dns.problems.length > 0) {
    return {
      state: 'unknown',
      saw: `Nothing was found, but not all could be asked: ${dns.problems.slice(0, 3).join('; ')}.`,
      next: 'Try again, or ask another name server: --server.',
    }
  }
  return { state: 'ok', saw: `${dns.looked.length} names, MX, SPF and TXT were looked at; none shows an upstream.` }
}

function lookAtAddresses({ upstreams }: ChecklistService, facts: GoliveFacts): Verdict {
  const named = facts.dns?.namedUpstreams ?? []
  if (named.length > 0) {
    return {
      state: 'fail',
      saw: `Public DNS knows ${named.join(', ')}, by which the configuration names upstreams.`,
      next: 'Take the name out of public DNS, and give the address, or a name that only your own DNS knows.',
    }
  }
  const current = upstreams.flatMap(({ name }) => facts.probeByUpstream.get(name)?.address ?? [])
  const configured = upstreams.filter(({ hostIsIp }) => hostIsIp).map(({ host }) => host)
  const open = [...new Set([...current, ...configured])].filter((address) => !isPrivate(address))
  if (open.length === 0 && upstreams.every(({ hostIsIp, name }) => hostIsIp || facts.probeByUpstream.has(name)))
    return { state: 'ok', saw: 'All upstreams have private addresses, which the internet cannot reach.' }
  // Where DNS still leads somebody else may have looked before.
  const shown = (facts.dns?.strangers ?? []).filter((address) => !facts.addresses.includes(address))
  const old = [...(facts.oldAddresses ?? []), ...shown]
  const same = open.filter((address) => old.includes(address))
  if (same.length > 0) {
    return {
      state: 'fail',
      saw: `${same.join(', ')} was known before: archives of DNS keep it, and attackers read them.`,
      next: 'Get an address that was never used for this service, best from another network, make it the upstream, and stop serving on the old one.',
    }
  }
  const near = open.filter((address) => [...old, ...facts.addresses].some((other) => isNear(address, other)))
  if (near.length > 0) {
    return {
      state: 'warn',
      saw: `${near.join(', ')} is in the network of an address that is known: it can be searched for.`,
      next: 'Better an address from another network; the firewall has to drop strangers in any case.',
    }
  }
  if (facts.oldAddresses === undefined) {
    return {
      state: 'unknown',
      saw: 'Nobody said which addresses were used before.',
      next: 'Name them: --old ADDRESS, or --old none for a new service.',
    }
  }
  return { state: 'ok', saw: 'No upstream has an address, or a neighbour, that was known before.' }
}

function isNear(address: string, other: string): boolean {
  const bytes = parseIp(address)
  const around = parseIp(other)
  if (bytes === undefined || around === undefined || bytes.length !== around.length) return false
  return networkContains(neighbourhood(other), bytes, 0)
}

function lookAtFirewall(service: ChecklistService, facts: GoliveFacts): Verdict {
  const next = `tidegate firewall --format nftables --service ${service.name} writes one; run it there.`
  const served = new Set(service.upstreams.map(({ port }) => port))
  const seen = usableReports(facts).flatMap(({ ports }) => ports.filter(({ port }) => served.has(port)))
  if (seen.length === 0) {
    return {
      state: 'unknown',
      saw: 'It can only be seen from elsewhere, and no vantage has looked at its ports.',
      next,
    }
  }
  const worst = worstVerdict(seen)
  if (worst === 'open') return { state: 'fail', saw: `Strangers get through: ${portList(seen, 'open')}.`, next }
  if (worst === 'closed')
    return {
      state: 'warn',
      saw: `Strangers are refused, and so learn that it is there: ${portList(seen, 'closed')}.`,
      next: `Drop them instead. ${next}`,
    }
  if (worst === 'unknown')
    return {
      state: 'unknown',
      saw: `Could not be tried from the vantage: ${portList(seen, 'unknown')}.`,
      next: 'Take a vantage with that IP version.',
    }
  return { state: 'ok', saw: 'Strangers get no answer from the ports of the service.' }
}

function lookAtExposure(service: ChecklistService, facts: GoliveFacts): Verdict {
  const wanted = [...new Set([80, 443, ...service.upstreams.map(({ port }) => port)])].toSorted((a, b) => a - b)
  const command = (host: string): string =>
    `On a machine that is not ours: tidegate exposure ${host} --ports ${wanted.join(',')} --json`
  const reports = usableReports(facts)
  const verdicts = service.upstreams.map(({ name, host }): Verdict => {
    const address = facts.probeByUpstream.get(name)?.address ?? host
    if (isPrivate(address)) return { state: 'ok', saw: `${name} is private.` }
    const own = reports.filter(
      (report) => report.host === host || report.ports.some((port) => port.address === address),
    )
    const next = command(host)
    if (own.length === 0) return { state: 'unknown', saw: `No vantage has looked at ${name}.`, next }
    const newest = own.reduce((a, b) => (a.at > b.at ? a : b))
    const worst = worstVerdict(newest.ports)
    if (worst === 'open')
      return {
        state: 'fail',
        saw: `${name} answers strangers: ${portList(newest.ports, 'open')}.`,
        next: `Close the ports to all but our nodes: tidegate firewall.`,
      }
    const missing = wanted.filter((port) => !newest.ports.some((seen) => seen.port === port))
    if (missing.length > 0)
      return { state: 'unknown', saw: `${name}: ports ${missing.join(', ')} were not tried.`, next }
    const ageMs = facts.nowMs - Date.parse(newest.at)
    if (ageMs > EXPOSURE_AGE_MAX_MS)
      return { state: 'warn', saw: `The last look at ${name} is ${Math.round(ageMs / 3_600_000)} h old.`, next }
    if (worst === 'closed')
      return {
        state: 'warn',
        saw: `${name} refuses strangers, and so says that it is there: ${portList(newest.ports, 'closed')}.`,
        next: 'Drop them instead of refusing: tidegate firewall.',
      }
    if (worst === 'unknown')
      return {
        state: 'unknown',
        saw: `${name}: not all could be tried from the vantage.`,
        next: 'Take a vantage with that IP version.',
      }
    return { state: 'ok', saw: `${name} is silent.` }
  })
  return worstOf(verdicts, { state: 'ok', saw: `No stranger gets an answer on ${wanted.join(', ')}.` })
}

/** One of our own nodes is let in, whatever the firewall says to others. */
function usableReports({ exposures = [], nodes = [] }: GoliveFacts): readonly ExposureReport[] {
  return exposures.filter(({ from }) => !from.some((address) => nodes.includes(address)))
}

function portList(ports: readonly ExposedPort[], verdict: ExposedPort['verdict']): string {
  const of = ports.filter((port) => port.verdict === verdict)
  return of
    .map(({ address, port }) => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`))
    .join(', ')
}

function lookAtCutOver(items: readonly ChecklistItem[], { cutOver }: GoliveFacts): Verdict {
  const at = cutOver === undefined ? '' : new Date(cutOver.atMs).toISOString()
  const left = items.filter(({ state }) => state === 'fail' || state === 'unknown').map(({ title }) => title)
  if (cutOver?.state === 'done' && left.length === 0) return { state: 'ok', saw: `Done at ${at}.` }
  if (left.length > 0) {
    const isFailing = items.some(({ state }) => state === 'fail')
    const when =
      cutOver === undefined
        ? ''
        : cutOver.state === 'done'
          ? ` It was done at ${at} all the same.`
          : ` It is planned for ${at}.`
    return {
      state: isFailing ? 'fail' : 'unknown',
      saw: `Not settled yet: ${left.join(', ')}.${when}`,
      next: 'Settle these first.',
    }
  }
  if (cutOver !== undefined) return { state: 'ok', saw: `Everything is ready; planned for ${at}.` }
  return {
    state: 'ok',
    saw: 'Everything is ready.',
    next: 'Lower the TTL, change the records, and watch tidegate top.',
  }
}

/** `90 s`, `15 min`, `2 h`. */
function seconds(count: number): string {
  if (count < 120) return `${count} s`
  return count < 7200 ? `${Math.round(count / 60)} min` : `${Math.round(count / 3600)} h`
}
