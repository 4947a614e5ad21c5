/** Does every upstream answer as the service's mode needs it? */
import type { UpstreamProbe } from '../probe/probe-upstream.ts'
import { type ChecklistService, type GoliveFacts, type Verdict, worstOf } from './item.ts'

export function lookAtUpstreams(service: ChecklistService, { probeByUpstream }: GoliveFacts): Verdict {
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
