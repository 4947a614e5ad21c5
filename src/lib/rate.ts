/** Rates as people write them: a whole number and the time it is for, `100/s 6000/m 20/h`. */
import { parsed, unparsed } from './parsed.ts'
import type { Parsed } from './parsed.ts'

const MS_BY_UNIT = { s: 1000, m: 60_000, h: 3_600_000 } as const
type Unit = keyof typeof MS_BY_UNIT

/** So many in so much time; kept as written, since 20/m is not a whole number in a second. */
export interface Rate {
  readonly count: number
  readonly perMs: number
}

/** More than any machine accepts. */
export const RATE_COUNT_MAX = 10_000_000

export function parseRate(text: string): Parsed<Rate> {
  const match = /^(\d{1,12})\/(s|m|h)$/.exec(text)
  if (match === null) return unparsed(explainRate(text))
  const count = Number(match[1])
  if (count === 0) return unparsed('is zero; expected at least one, such as 1/m')
  if (count > RATE_COUNT_MAX) return unparsed(`is too large; the largest rate is ${RATE_COUNT_MAX}/s`)
  return parsed({ count, perMs: MS_BY_UNIT[match[2] as Unit] })
}

function explainRate(text: string): string {
  if (/^\d+$/.test(text)) return `does not say in what time; write ${text}/s for each second, or use one of s, m, h`
  if (/^\d+\s*\/\s*(sec|second|min|minute|hour)s?$/i.test(text))
    return 'has a long unit; use one of s, m, h, as in 30/s'
  if (/^\d+[.,]\d+/.test(text)) return 'has a fraction; use a longer time, such as 90/m for 1.5 in a second'
  return 'is not a rate; expected a whole number and a time, such as 30/s, 600/m or 20/h'
}

/** As it was written, or, for a part of such a rate, in the shortest time in which it is a whole number. */
export function formatRate({ count, perMs }: Rate): string {
  const units = Object.entries(MS_BY_UNIT)
  const [unit, ms] = units.find(([, ms]) => ms === perMs) ??
    units.find(([, ms]) => ((count * ms) / perMs) % 1 === 0) ?? ['h', MS_BY_UNIT.h]
  return `${(count * ms) / perMs}/${unit}`
}

/** How many there are in a second on average. */
export function perSecond({ count, perMs }: Rate): number {
  return (count * 1000) / perMs
}
