/** Durations as people write them: a whole number and one unit, `250ms 5s 10m 8h 7d`. */
import { parsed, unparsed } from './parsed.ts'
import type { Parsed } from './parsed.ts'

const MS_BY_UNIT = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
type Unit = keyof typeof MS_BY_UNIT

/** The longest delay a Node timer keeps; above it setTimeout fires at once. */
export const DURATION_MS_MAX = 2 ** 31 - 1

/** Milliseconds. A bare number is refused: `30` has been read as seconds by one system and as milliseconds by the next. */
export function parseDuration(text: string, msMax = DURATION_MS_MAX): Parsed<number> {
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text)
  if (match === null) return unparsed(explainDuration(text))
  const ms = Number(match[1]) * MS_BY_UNIT[match[2] as Unit]
  if (ms > msMax) {
    const days = Math.floor(msMax / MS_BY_UNIT.d) * MS_BY_UNIT.d
    return unparsed(`is too long; the longest duration is ${formatDuration(days)}`)
  }
  return parsed(ms)
}

function explainDuration(text: string): string {
  if (/^\d+$/.test(text)) return `has no unit; write ${text}s for seconds, or use one of ms, s, m, h, d`
  if (text.startsWith('-')) return 'is negative; expected a duration such as 250ms, 5s, 10m or 8h'
  if (/^\d+[.,]\d+\s*[a-z]+$/i.test(text)) return 'has a fraction; use a smaller unit, such as 1500ms for 1.5 seconds'
  if (/^(\d+(ms|s|m|h|d)){2,}$/.test(text)) return 'mixes units; use one, such as 90m for 1 hour 30 minutes'
  if (/^\d+\s+[a-z]+$/i.test(text))
    return 'has a space before the unit; expected a duration such as 250ms, 5s, 10m or 8h'
  return 'is not a duration; expected a whole number and a unit, such as 250ms, 5s, 10m or 8h'
}

/** The shortest exact text; `parseDuration` gives the same number back. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  const units: readonly Unit[] = ['d', 'h', 'm', 's']
  const unit = units.find((candidate) => ms % MS_BY_UNIT[candidate] === 0) ?? 'ms'
  return `${ms / MS_BY_UNIT[unit]}${unit}`
}
