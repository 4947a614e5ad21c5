/** The text of `tidegate upstreams`. Pure. */
import type { ServiceStatus, UpstreamStateAnswer, UpstreamStatus } from '../api/contract.ts'
import type { Painter } from './painter.ts'
import { count, shown, tableLines } from './table.ts'

const COLUMNS = ['upstream', 'wanted', 'checks', 'ejected', 'open', 'weight', 'role', 'failed', 'addresses'] as const

export function upstreamsText(services: readonly ServiceStatus[], paint: Painter): string {
  const blocks = services.map((service) => [
    paint('bold', shown(service.name)),
    ...tableLines(
      COLUMNS,
      service.upstreams.map((upstream) => ({ cells: cellsOf(upstream), ...styleOf(upstream) })),
      paint,
    ),
  ])
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function cellsOf(upstream: UpstreamStatus): string[] {
  return [
    shown(upstream.name),
    upstream.wanted,
    upstream.found === 'unknown' ? '-' : upstream.found,
    upstream.ejected ? 'yes' : '-',
    count(upstream.connectionsOpen),
    String(upstream.weight),
    upstream.backup ? 'backup' : 'primary',
    count(upstream.connectFailures),
    addressesText(upstream),
  ]
}

/** `!` marks those that are tried last, because a connect failed a moment ago. */
export function addressesText({ addresses }: UpstreamStatus): string {
  return addresses.map(({ address, failedRecently }) => shown(address) + (failedRecently ? '!' : '')).join(' ')
}

/** One word for what stands in the way of new clients, the strongest reason first. */
export function upstreamState(
  upstream: UpstreamStatus,
): 'up' | 'drain' | 'down' | 'check down' | 'ejected' | 'failing' {
  if (upstream.wanted !== 'up') return upstream.wanted
  if (upstream.found === 'down') return 'check down'
  if (upstream.ejected) return 'ejected'
  return upstream.up ? 'up' : 'failing'
}

/** Yellow is what somebody wanted so, red is trouble. */
export function styleOf(upstream: UpstreamStatus): { readonly style?: 'red' | 'yellow' } {
  if (upstream.wanted !== 'up') return { style: 'yellow' }
  return upstreamState(upstream) === 'up' ? {} : { style: 'red' }
}

/** What was done, and what to know of it. */
export function changeText(answer: UpstreamStateAnswer, paint: Painter): string {
  const { service, from, upstream } = answer
  const name = `${shown(upstream.name)} of ${shown(service)}`
  const said = from === upstream.wanted ? `is ${upstream.wanted} already` : `is ${upstream.wanted} now, it was ${from}`
  const warnings = warningsOf(answer).map((warning) => paint('yellow', `Warning: ${warning}`))
  return `${[`${name} ${said}; ${openText(answer)}.`, ...warnings].join('\n')}\n`
}

function openText({ closes, upstream: { connectionsOpen, wanted } }: UpstreamStateAnswer): string {
  const open = connectionsOpen === 1 ? '1 connection' : `${count(connectionsOpen)} connections`
  if (closes) return `${open} being closed`
  return wanted === 'up' ? `${open} open` : `${open} left open`
}

function warningsOf({ service, stored, usableLeft, upstream }: UpstreamStateAnswer): string[] {
  const none = `no usable upstream is left in ${shown(service)}: new clients are turned away, or sent to what is down.`
  const lost = 'this could not be stored, and holds until the next start only; the log of the daemon says why.'
  return [...(usableLeft === 0 && upstream.wanted !== 'up' ? [none] : []), ...(stored ? [] : [lost])]
}
