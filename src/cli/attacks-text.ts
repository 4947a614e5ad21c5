/** The text of `tidegate attacks`. Pure. */
import type { AttacksAnswer, AttackView, WatchedServiceView } from '../api/contract.ts'
import { size } from './status-table.ts'
import type { Painter } from './painter.ts'
import { count, shown, tableLines, type TableRow } from './table.ts'

const FLOOD = 'connection-flood'
const SERVICE_COLUMNS = ['service', 'mode', 'state', 'new/s', 'addresses in 10 s', 'unused'] as const
const ATTACK_COLUMNS = [
  'id',
  'service',
  'kind',
  'start',
  'lasted',
  'new/s at most',
  'came',
  'refused',
  'served',
] as const

export function attacksText({ services, attacks }: AttacksAnswer, paint: Painter): string {
  const lines = [...tableLines(SERVICE_COLUMNS, services.map(serviceRow), paint), '']
  if (attacks.length === 0) lines.push('No attack was called so far.')
  else lines.push(...tableLines(ATTACK_COLUMNS, attacks.map(attackRow), paint))
  return `${lines.join('\n')}\n`
}

/** Each number as it is now, of what it takes to be called an attack. */
function serviceRow({ service, mode, attack, learning, now, limits }: WatchedServiceView): TableRow {
  const state = attack !== null ? `under attack (${attack})` : learning ? 'learning' : mode === 'off' ? 'off' : 'calm'
  const of = (kind: string): string => `${count(now[kind] ?? 0)} of ${count(limits[kind] ?? 0)}`
  const unused = `${percent(now['unused'])} of ${percent(limits['unused'])}`
  const cells = [shown(service), mode, state, of(FLOOD), of('distributed'), unused]
  return attack === null ? { cells } : { cells, style: 'red' }
}

function attackRow(attack: AttackView): TableRow {
  const { id, service, kinds, start, end, peak, newcomers, refused, served } = attack
  const cells = [
    String(id),
    shown(service),
    shown(kinds.join(', ')),
    timeText(start),
    end === null ? 'under way' : lastedText(attack),
    count(peak['newPerSecond'] ?? 0),
    count(newcomers),
    count(sumOf(refused)),
    count(served),
  ]
  return end === null ? { cells, style: 'red' } : { cells }
}

export function attackText(attack: AttackView, paint: Painter): string {
  const { id, service, kinds, start, end, ended, peak, calm, limits, refused } = attack
  const until = end === null ? paint('red', 'under way') : `until ${timeText(end)} (${shown(ended ?? '')})`
  const peakOf = (key: string): string => count(peak[key] ?? 0)
  const facts: readonly (readonly [string, string])[] = [
    ['service', shown(service)],
    ['kind', shown(kinds.join(', '))],
    ['time', `${timeText(start)} ${until}, ${lastedText(attack)}`],
    [
      'new connections',
      `${peakOf('newPerSecond')}/s at most; calm ${count(calm[FLOOD] ?? 0)}, called above ${count(limits[FLOOD] ?? 0)}`,
    ],
    [
      'addresses in 10 s',
      `${peakOf('sources')} at most, in ${peakOf('prefixes')} prefixes; called above ${count(limits['distributed'] ?? 0)}`,
    ],
    ['ended unused', `${percent(peak['unusedShare'])} at most; called above ${percent(limits['unused'])}`],
    ['failed connects', `${peakOf('connectFailuresPerSecond')}/s at most to upstreams`],
    ['open', `${peakOf('open')} connections at most`],
    [
      'clients',
      `${count(attack.newcomers)} came, ${count(attack.admitted)} were let in, ${count(attack.served)} served (${size(attack.bytes)})`,
    ],
    ['refused', refusedText(refused)],
    ['bans', `${count(attack.bansMade)} made meanwhile`],
  ]
  const width = Math.max(...facts.map(([name]) => name.length))
  const lines = [`Attack ${id}`, ...facts.map(([name, text]) => `  ${paint('dim', name.padEnd(width))}  ${text}`)]
  for (const [title, sources] of [
    ['address', attack.addresses],
    ['prefix', attack.prefixes],
    ['AS', attack.asns],
  ] as const) {
    if (sources.length === 0) continue
    const rows = sources.map(({ source, newConnections, refused }) => ({
      cells: [shown(source), count(newConnections), count(refused)],
    }))
    lines.push('', ...tableLines([title, 'new connections', 'refused'], rows, paint))
  }
  return `${lines.join('\n')}\n`
}

function refusedText(refused: AttackView['refused']): string {
  const reasons = Object.entries(refused).sort(([, a], [, b]) => b - a)
  if (reasons.length === 0) return 'nobody'
  return reasons.map(([reason, clients]) => `${count(clients)} ${shown(reason)}`).join(', ')
}

function sumOf(refused: AttackView['refused']): number {
  return Object.values(refused).reduce((sum, clients) => sum + clients, 0)
}

function percent(share = 0): string {
  return `${Math.round(share * 100)} %`
}

function lastedText({ start, end, updated }: AttackView): string {
  const seconds = Math.max(0, Math.round((Date.parse(end ?? updated) - Date.parse(start)) / 1000))
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}

/** To the second, in UTC. */
function timeText(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')}Z`
}
