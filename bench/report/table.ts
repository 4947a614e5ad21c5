/** Results as aligned Markdown tables: readable in a terminal and in README.md alike. */
import type { MeasureResult, Metric, RowResult } from '../measures/measure.ts'
import type { Machine } from '../run/machine.ts'
import { summarize } from '../run/statistics.ts'
import { judgeAttacks, P99_AT_MOST, type AttackVerdict } from './attack-goals.ts'
import type { Conditions } from './json.ts'
import { judge, type Verdict } from './goals.ts'
import { baseRow, ratioOf } from './ratios.ts'

/** All there is to say of some measures. */
export function reportText(results: readonly MeasureResult[], conditions: Conditions, machine: Machine): string {
  return [headText(conditions, machine), ...results.map(measureText), goalsText(results)].join('\n\n')
}

export function headText(conditions: Conditions, machine: Machine): string {
  const { time, rounds, seconds, placement } = conditions
  const how = `${time.slice(0, 10)}; medians of ${rounds} interleaved rounds of ${seconds} s; ${placement}.`
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`)
  const hardware = `${machine.cores} × ${machine.cpu}, ${machine.memoryGib} GiB, Linux ${machine.kernel}, TCP ${machine.congestionControl}`
  return `${how}\n\n${hardware}; ${versions.join(', ')}.`
}

export function measureText(result: MeasureResult): string {
  const header = ['proxy', ...result.metrics.flatMap(metricHeader)]
  const rows = result.rows.map((row) => [row.name, ...result.metrics.flatMap((metric) => cells(result, row, metric))])
  const failures = result.rows
    .filter((row) => row.failure !== undefined)
    .map((row) => `${row.name} failed: ${row.failure}`)
  const notes = [...result.notes, ...failures].map((note) => `\n\n${note}`)
  return `### ${result.title}\n\n${alignedTable(header, rows)}${notes.join('')}`
}

function metricHeader({ label, informative }: Metric): string[] {
  return informative ? [label] : [label, 'min..max', '×']
}

function cells(result: MeasureResult, row: RowResult, metric: Metric): string[] {
  const samples = (row.samples[metric.key] ?? []).filter(Number.isFinite)
  if (samples.length === 0) return metric.informative ? ['–'] : ['–', '', '']
  const { median, min, max } = summarize(samples)
  const middle = number(median, metric.digits)
  if (metric.informative) return [middle]
  const base = baseRow(result, row, metric)
  const ratio = base === undefined ? undefined : ratioOf(row, base, metric)
  return [middle, `${number(min, metric.digits)}..${number(max, metric.digits)}`, ratio ? ratio.median.toFixed(2) : '']
}

function number(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

export function goalsText(results: readonly MeasureResult[]): string {
  const verdicts = judge(results)
  const attackVerdicts = judgeAttacks(results)
  return [
    ...(verdicts.length === 0 ? [] : [`### goals\n\n${goalTable(verdicts)}\n`]),
    ...(attackVerdicts.length === 0 ? [] : [`### goals under attack\n\n${attackGoalTable(attackVerdicts)}\n`]),
  ].join('\n')
}

function attackGoalTable(verdicts: readonly AttackVerdict[]): string {
  const others = [...new Set(verdicts.flatMap(({ theirs }) => Object.keys(theirs)))]
  const header = [
    'served under attack, of calm',
    ...others,
    'tidegate',
    'against',
    'to reach',
    'reached',
    'goal',
    'met',
  ]
  const share = (value: number | undefined): string =>
    value === undefined || Number.isNaN(value) ? '–' : value.toFixed(3)
  const rows = verdicts.map((verdict) => [
    verdict.attack,
    ...others.map((name) => share(verdict.theirs[name])),
    share(verdict.ours),
    verdict.holder ?? 'nobody holds',
    `≥ ${share(verdict.reach)}`,
    yesOrNo(verdict.reachMet),
    `≥ ${share(verdict.goal)}`,
    yesOrNo(verdict.goalMet),
    verdict.p99Ratio === undefined ? '–' : verdict.p99Ratio.toFixed(2),
    verdict.p99Met === undefined ? '–' : yesOrNo(verdict.p99Met),
  ])
  return alignedTable([...header, 'p99 ×', `≤ ${P99_AT_MOST}`], rows)
}

function goalTable(verdicts: readonly Verdict[]): string {
  const header = ['what', 'against', '×', 'to reach', 'reached', 'goal', 'met']
  const sign = (verdict: Verdict) => (verdict.bound === 'at least' ? '≥' : '≤')
  const rows = verdicts.map((verdict) => [
    verdict.words,
    verdict.base,
    verdict.ratio === undefined ? '–' : verdict.ratio.toFixed(3),
    `${sign(verdict)} ${verdict.reach}`,
    yesOrNo(verdict.reachMet),
    `${sign(verdict)} ${verdict.goal}`,
    yesOrNo(verdict.goalMet),
  ])
  return alignedTable(header, rows)
}

function yesOrNo(met: boolean | undefined): string {
  if (met === undefined) return 'not measured'
  return met ? 'yes' : 'no'
}

/** First column to the left, the others to the right. */
export function alignedTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((cell, i) => Math.max(cell.length, 3, ...rows.map((row) => row[i].length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(header), rule, ...rows.map(line)].join('\n')
}
