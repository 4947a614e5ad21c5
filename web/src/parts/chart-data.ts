/** What a chart shows, and the same as text. */
import { type Cell, csv } from '../csv.ts'
import type { Column } from '../series-window.ts'

export interface Line {
  readonly label: string
  readonly values: Column
}

/** A time that is marked, such as an attack. */
export interface Mark {
  readonly label: string
  readonly fromS: number
  /** Undefined while it is under way. */
  readonly toS?: number | undefined
}

export interface ChartData {
  /** Seconds, of the beginning of each step. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  readonly marks: readonly Mark[]
}

export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}

export function marksAt(marks: readonly Mark[], atS: number, stepS: number): readonly Mark[] {
  return marks.filter(({ fromS, toS }) => fromS < atS + stepS && (toS === undefined || toS >= atS))
}

export function stepOf(times: readonly number[]): number {
  return times.length < 2 ? 1 : times[1] - times[0]
}

export function chartCsv({ times, lines, marks }: ChartData): string {
  const header = ['time', ...lines.map(({ label }) => label), 'marked']
  const stepS = stepOf(times)
  const rows = times.map((time, i): Cell[] => [
    isoTime(time),
    ...lines.map(({ values }) => rounded(values[i])),
    marksAt(marks, time, stepS)
      .map(({ label }) => label)
      .join('; '),
  ])
  return csv(header, rows)
}

function rounded(value: number | null | undefined): number | null {
  return value === null || value === undefined ? null : Math.round(value * 1000) / 1000
}

/** One sentence for who does not see the chart. */
export function summaryOf({ times, lines, marks }: ChartData, format: (value: number) => string): string {
  if (times.length === 0) return 'No values yet.'
  const said = lines.map(({ label, values }) => {
    const known = values.filter((value) => value !== null)
    if (known.length === 0) return `${label}: no values`
    const last = known[known.length - 1]
    return `${label}: now ${format(last)}, between ${format(Math.min(...known))} and ${format(Math.max(...known))}`
  })
  const marked = marks.length === 0 ? '' : ` Marked: ${marks.map(({ label }) => label).join(', ')}.`
  return `${said.join('; ')}.${marked}`
}
