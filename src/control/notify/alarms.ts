/** What is wrong now, for each kind of rule. Asked once a second; it only reads. */
import { monotonicMs } from '../../lib/clock.ts'
import { formatDuration } from '../../lib/duration.ts'
import { FOUND } from '../../traffic/upstream-states.ts'
import type { Service, Upstream } from '../../traffic/tables.ts'
import type { ExposureFinding } from '../golive/exposure/exposure-findings.ts'
import { silentText } from '../golive/exposure/exposure-lines.ts'
import type { NodeView } from '../node-view.ts'
import { NODE } from '../store/tables/series.ts'
import type { Alarm } from './message.ts'
import { isMeasure, type Measure, MEASURES, measureText, type NotifyEvent, type NotifyRule } from './notify-config.ts'

const MINUTE_S = 60
const DAY_MS = 86_400_000
/** What was too much is over when it is below this part of the threshold: around it nothing is told. */
const OVER_BELOW = 0.9
/** Of those that answer strangers. */
const PORTS_TOLD_MAX = 10

export interface CertificateEnd {
  readonly name: string
  readonly notAfterMs: number
}

export type Watched = Pick<NodeView, 'tables' | 'memory' | 'checks' | 'attacks' | 'overload' | 'store' | 'series'> & {
  /** Those that we serve ourselves. */
  readonly certificates: () => readonly CertificateEnd[]
  /** What vantages say of our upstreams, and who says no more. */
  readonly exposures: () => readonly ExposureFinding[]
}

type Alarms = Map<string, Alarm>
const OF_NODE = { service: null, upstream: null } as const

/** `wasSo` is what was wrong the second before, by the same keys. */
export function alarmsOf(rule: NotifyRule, node: Watched, wasSo: ReadonlyMap<string, Alarm>, nowMs: number): Alarms {
  if (isMeasure(rule.when)) return measured(rule, rule.when, node, wasSo)
  return EVENT_ALARMS[rule.when](rule, node, nowMs)
}

function measured(rule: NotifyRule, when: Measure, node: Watched, wasSo: ReadonlyMap<string, Alarm>): Alarms {
  const { field } = MEASURES[when]
  const alarms: Alarms = new Map()
  const names = rule.per === 'node' ? [NODE] : servicesOf(rule, node).map(({ name }) => name)
  for (const name of names) {
    const mean = node.series.mean(name, field, MINUTE_S)
    const threshold = wasSo.has(name) ? rule.above * OVER_BELOW : rule.above
    if (mean <= threshold) continue
    const where = name === NODE ? 'of the node' : `of service ${name}`
    const value = Math.round(mean)
    alarms.set(name, {
      service: name === NODE ? null : name,
      upstream: null,
      summary: `Over the last minute ${measureText(when, mean)}, ${where}: more than ${measureText(when, rule.above)}.`,
      over: `It is not more than ${measureText(when, rule.above)}, ${where}, any more.`,
      values: { mean: value, above: rule.above },
    })
  }
  return alarms
}

type Find = (rule: NotifyRule, node: Watched, nowMs: number) => Alarms

const EVENT_ALARMS: Readonly<Record<NotifyEvent, Find>> = {
  attack: attacks,
  upstream: upstreamsDown,
  'all-upstreams-down': allDown,
  overload,
  store,
  certificate: certificates,
  'exposure-open': exposed,
  'vantage-silent': silent,
}

function attacks(rule: NotifyRule, node: Watched): Alarms {
  const alarms: Alarms = new Map()
  const names = new Set(servicesOf(rule, node).map(({ name }) => name))
  for (const { service, attack, sample } of node.attacks.watched()) {
    if (attack === undefined || !names.has(service.name)) continue
    const { id, kind } = attack.start
    const newPerSecond = Math.round(sample.newPerSecond)
    alarms.set(service.name, {
      service: service.name,
      upstream: null,
      summary: `Service ${service.name} is under attack ${id} (${kind}): ${newPerSecond} new connections a second from ${sample.sources} addresses.`,
      over: `Attack ${id} on service ${service.name} is over: tidegate attacks show ${id}.`,
      values: { attack: id, kind, newPerSecond, sources: sample.sources },
    })
  }
  return alarms
}

function upstreamsDown(rule: NotifyRule, node: Watched): Alarms {
  const alarms: Alarms = new Map()
  for (const service of servicesOf(rule, node)) {
    for (const upstream of service.upstreams) {
      const reason = whyDown(upstream, node)
      if (reason === undefined) continue
      const what = `Upstream ${upstream.name} of service ${service.name}`
      alarms.set(`${service.name} ${upstream.name}`, {
        service: service.name,
        upstream: upstream.name,
        summary: `${what} is down: ${reason}.`,
        over: `${what} is up again.`,
        values: { reason },
      })
    }
  }
  return alarms
}

function whyDown({ index }: Upstream, { memory: { states }, checks }: Watched): string | undefined {
  if (states.found(index) === FOUND.down) return checks.viewOf(index)?.last?.said ?? 'its check failed'
  if (states.ejectedUntilMs(index) <= monotonicMs()) return undefined
  return `${states.ejectedAfterFailures(index)} connects failed in a row`
}

function allDown(rule: NotifyRule, node: Watched): Alarms {
  const alarms: Alarms = new Map()
  for (const { name, index, whenAllDown } of servicesOf(rule, node)) {
    if (!node.checks.isAllDown(index)) continue
    const then = whenAllDown === 'refuse' ? 'clients are refused' : 'those that are down are tried'
    alarms.set(name, {
      service: name,
      upstream: null,
      summary: `No upstream of service ${name} is left; ${then}.`,
      over: `Service ${name} has an upstream again.`,
      values: {},
    })
  }
  return alarms
}

function overload({ above }: NotifyRule, node: Watched): Alarms {
  const { level, wanted } = node.overload.view()
  if (level <= above) return new Map()
  const causes = Object.entries(wanted).flatMap(([cause, one]) => (one > 0 ? [cause] : []))
  const summary = `The node is near its limits: overload level ${level} of 4, because of ${causes.join(', ')}.`
  const over = above === 0 ? 'The overload is over.' : `The overload is at level ${above} or less again.`
  return new Map([['node', { ...OF_NODE, summary, over, values: { level } }]])
}

function store(_: NotifyRule, { store }: Watched): Alarms {
  const { trouble } = store.state
  if (trouble === undefined || store.path === undefined) return new Map()
  const summary = `The store does not work (${trouble.code}): ${trouble.message}`
  return new Map([['store', { ...OF_NODE, summary, over: 'The store works again.', values: { code: trouble.code } }]])
}

function certificates({ beforeMs }: NotifyRule, node: Watched, nowMs: number): Alarms {
  const alarms: Alarms = new Map()
  for (const { name, notAfterMs } of node.certificates()) {
    if (notAfterMs - nowMs > beforeMs) continue
    const date = new Date(notAfterMs).toISOString()
    const summary =
      notAfterMs <= nowMs
        ? `The certificate ${name} ended at ${date}.`
        : `The certificate ${name} ends at ${date}, in ${daysText(notAfterMs - nowMs)}.`
    const over = `The certificate ${name} was renewed.`
    alarms.set(name, { ...OF_NODE, summary, over, values: { certificate: name, notAfter: date } })
  }
  return alarms
}

/** However many vantages say so, it is one alarm. */
function exposed(rule: NotifyRule, node: Watched): Alarms {
  const alarms: Alarms = new Map()
  for (const { service, upstream, finding } of found(rule, node)) {
    const { ports, vantage, host } = finding
    const key = `${service} ${upstream}`
    if (ports.length === 0 || alarms.has(key)) continue
    const shown = ports.slice(0, PORTS_TOLD_MAX).join(', ') + (ports.length > PORTS_TOLD_MAX ? ', …' : '')
    const what = `Upstream ${upstream} of service ${service}`
    alarms.set(key, {
      service,
      upstream,
      summary: `${what} answers strangers on ${shown}, says ${vantage}: close its ports to all but our nodes.`,
      over: `No vantage says any more that upstream ${upstream} of service ${service} answers strangers.`,
      values: { host, ports: shown, vantage },
    })
  }
  return alarms
}

function silent(rule: NotifyRule, node: Watched): Alarms {
  const alarms: Alarms = new Map()
  for (const { service, upstream, finding } of found(rule, node)) {
    const { isSilent, vantage, host, at } = finding
    const key = `${service} ${vantage} ${host.toLowerCase()}`
    if (!isSilent || alarms.has(key)) continue
    alarms.set(key, {
      service,
      upstream,
      summary: silentText(finding),
      over: `${vantage} reports on ${host}, an upstream of ${service}, again, or is taken for given up.`,
      values: { host, last: at, vantage },
    })
  }
  return alarms
}

/** Of upstreams that are gone from the configuration nothing is told. */
function found(rule: NotifyRule, node: Watched) {
  const findings = node.exposures()
  if (findings.length === 0) return []
  return servicesOf(rule, node).flatMap(({ name: service, upstreams }) =>
    findings.flatMap((finding) => {
      const upstream = upstreams.find(({ name }) => finding.service === service && finding.upstreams.includes(name))
      return upstream === undefined ? [] : [{ service, upstream: upstream.name, finding }]
    }),
  )
}

function daysText(ms: number): string {
  return ms >= DAY_MS ? `${Math.floor(ms / DAY_MS)} days` : formatDuration(Math.max(60_000, ms - (ms % 60_000)))
}

function servicesOf({ services }: NotifyRule, node: Pick<NodeView, 'tables'>): readonly Service[] {
  const all = node.tables().services
  return services === undefined ? all : all.filter(({ name }) => services.includes(name))
}
