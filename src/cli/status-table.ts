/** The text of `tidegate status`. Pure: two looks at the node give rates, one gives totals only. */
import type { NodeStatus, ServiceStatus, UpstreamStatus } from '../api/contract.ts'
import { overloadText } from './overload-text.ts'
import type { Painter } from './painter.ts'
import { count, shown, tableLines } from './table.ts'
import { addressesText, styleOf, upstreamState } from './upstreams-table.ts'

export interface StatusLook {
  readonly atMs: number
  readonly status: NodeStatus
}

export function statusText(now: StatusLook, before: StatusLook | undefined, paint: Painter): string {
  const { status } = now
  const lines = [...headLines(status, paint), '']
  for (const service of status.services) {
    const earlier = before?.status.services.find(({ name }) => name === service.name)
    const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1000
    lines.push(...serviceLines(service, earlier, seconds, paint), '')
  }
  return lines.join('\n')
}

function headLines(status: NodeStatus, paint: Painter): string[] {
  const { overload } = status
  const state = status.state === 'ready' ? paint('green', status.state) : paint('yellow', status.state)
  const share = status.connectionsMax === 0 ? 0 : (100 * status.connectionsOpen) / status.connectionsMax
  const busy = status.workers.map(({ busyRatio }) => `${Math.round(busyRatio * 100)}%`).join(' ')
  const head = `${paint('bold', `tidegate ${shown(status.version)}`)}  ${state}  engine ${shown(status.engine)}  up ${duration(status.uptimeMs)}`
  const load = `connections ${count(status.connectionsOpen)} of ${count(status.connectionsMax)} (${share.toFixed(1)}%)  workers busy ${busy}`
  const dropped = status.logDropped === 0 ? [] : [paint('yellow', `log lines dropped: ${count(status.logDropped)}`)]
  const { store } = status
  const isKept = store === undefined || store.state === 'open'
  const failing = isKept ? [] : [paint('yellow', `store ${store.state}: ${shown(store.why ?? '')}`)]
  return [head, load, ...failing, ...(overload.level === 0 ? [] : [overloadText(overload, paint)]), ...dropped]
}

function serviceLines(
  service: ServiceStatus,
  earlier: ServiceStatus | undefined,
  seconds: number,
  paint: Painter,
): string[] {
  const rate = (key: 'connectionsTotal' | 'bytesToUpstream' | 'bytesToClient'): number | undefined =>
    earlier === undefined || seconds <= 0 ? undefined : Math.max(0, service[key] - earlier[key]) / seconds
  // Without a listener it is not enabled (docs/going-live.md).
  const where = service.listeners.length === 0 ? paint('yellow', 'closed') : service.listeners.map(shown).join(' ')
  const title = `${paint('bold', shown(service.name))}  ${shown(service.mode)}  ${where}`
  const waiting = service.connectionsWaiting === 0 ? '' : ` (${count(service.connectionsWaiting)} waiting)`
  const connections = `  open ${count(service.connectionsOpen)}${waiting}  total ${count(service.connectionsTotal)}${perSecond(rate('connectionsTotal'), decimal)}`
  const moved = `  to upstream ${size(service.bytesToUpstream)}${perSecond(rate('bytesToUpstream'), size)}  to client ${size(service.bytesToClient)}${perSecond(rate('bytesToClient'), size)}`
  const reasons = [
    ...reasonLine('closed', service.closed),
    ...reasonLine('refused', service.refused).map((line) => paint('yellow', line)),
  ]
  return [title, connections + moved, ...reasons, ...upstreamTable(service.upstreams, paint)]
}

function reasonLine(word: string, counts: Readonly<Record<string, number>>): string[] {
  const entries = Object.entries(counts).toSorted(([, a], [, b]) => b - a)
  if (entries.length === 0) return []
  return [`  ${word}: ${entries.map(([reason, clients]) => `${shown(reason)} ${count(clients)}`).join(', ')}`]
}

const UPSTREAM_COLUMNS = [
  'upstream',
  'state',
  'open',
  'connects',
  'failed',
  'mean connect',
  'check',
  'addresses',
] as const

function upstreamTable(upstreams: readonly UpstreamStatus[], paint: Painter): string[] {
  const rows = upstreams.map((upstream) => ({
    cells: [
      shown(upstream.name),
      upstreamState(upstream),
      count(upstream.connectionsOpen),
      count(upstream.connects),
      count(upstream.connectFailures),
      upstream.connectMsMean === null ? '-' : `${decimal(upstream.connectMsMean)} ms`,
      upstream.check === null ? '-' : `${upstream.check.result}, ${decimal(upstream.check.ms)} ms`,
      addressesText(upstream),
    ],
    ...styleOf(upstream),
  }))
  return [
    ...tableLines(UPSTREAM_COLUMNS, rows, paint),
    ...upstreams.flatMap(({ name, check }) =>
      check?.result === 'down' ? [paint('red', `  ${shown(name)} is down: ${shown(check.reason)}`)] : [],
    ),
  ]
}

function perSecond(rate: number | undefined, format: (value: number) => string): string {
  return rate === undefined ? '' : ` (${format(rate)}/s)`
}

function decimal(value: number): string {
  return value >= 100 ? count(value) : value.toFixed(1)
}

const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

export function size(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < SIZE_UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${SIZE_UNITS[unit]}`
}

/** The two largest units that are not zero: `3m 12s`, `2d 4h`. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const
  const first = parts.findIndex(([value]) => value > 0)
  if (first === -1) return '0s'
  return parts
    .slice(first, first + 2)
    .map(([value, unit]) => `${value}${unit}`)
    .join(' ')
}
