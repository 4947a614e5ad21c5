/** The text of `tidegate top`. Pure. */
import type { TopAnswer } from '../api/contract.ts'
import type { Painter } from './painter.ts'
import { count, shown, tableLines } from './table.ts'

export function topText({ by, seconds, sources }: TopAnswer, paint: Painter): string {
  const title = `The busiest by ${by}, over the last ${seconds} s`
  if (sources.length === 0) return `${title}\n  nobody has come\n`
  const rows = sources.map(({ source, service, open, newPerSecond, refusedPerSecond }) => ({
    cells: [shown(source), shown(service), count(open), rate(newPerSecond), rate(refusedPerSecond)],
    ...(refusedPerSecond > 0 ? { style: 'yellow' as const } : {}),
  }))
  return `${title}\n${tableLines([by, 'service', 'open', 'new/s', 'refused/s'], rows, paint).join('\n')}\n`
}

function rate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : count(perSecond)
}
