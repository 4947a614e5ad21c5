/** What strangers get from the upstreams, as vantages have reported it. */
import { worstVerdict } from '../exposure/look-at-host.ts'
import type { ExposedPort, ExposureReport } from '../exposure/report.ts'
import { isPrivate } from '../own-addresses.ts'
import { type ChecklistService, EXPOSURE_AGE_MAX_MS, type GoliveFacts, type Verdict, worstOf } from './item.ts'

export function lookAtFirewall(service: ChecklistService, facts: GoliveFacts): Verdict {
  const next = `tidegate firewall --format nftables --service ${service.name} writes one; run it there.`
  const isPrivateOnly = service.upstreams.every(({ name, host }) =>
    isPrivate(facts.probeByUpstream.get(name)?.address ?? host),
  )
  const served = new Set(service.upstreams.map(({ port }) => port))
  const seen = usableReports(facts).flatMap(({ ports }) => ports.filter(({ port }) => served.has(port)))
  // A report that says otherwise is believed.
  if (seen.length === 0 && isPrivateOnly)
    return { state: 'ok', saw: 'All upstreams have private addresses: no stranger gets there.' }
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

export function lookAtExposure(service: ChecklistService, facts: GoliveFacts): Verdict {
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
