/** Results with every round's samples, for later comparison. */
import type { MeasureResult } from '../measures/measure.ts'
import type { Machine } from '../run/machine.ts'
import { summarize } from '../run/statistics.ts'
import { judgeAttacks } from './attack-goals.ts'
import { judge } from './goals.ts'
import { baseRow, ratioOf } from './ratios.ts'

export interface Conditions {
  readonly time: string
  readonly rounds: number
  readonly seconds: number
  readonly placement: string
}

export function reportJson(results: readonly MeasureResult[], conditions: Conditions, machine: Machine): string {
  const measures = results.map((result) => ({
    name: result.name,
    title: result.title,
    notes: result.notes,
    rows: rowsOf(result),
  }))
  const goals = { goals: judge(results), attackGoals: judgeAttacks(results) }
  return JSON.stringify({ ...conditions, machine, measures, ...goals }, undefined, 2) + '\n'
}

function rowsOf(result: MeasureResult): object[] {
  return result.rows.map((row) => {
    const metrics = result.metrics.map((metric) => {
      const samples = (row.samples[metric.key] ?? []).filter(Number.isFinite)
      if (samples.length === 0) return [metric.key, undefined]
      const base = metric.informative ? undefined : baseRow(result, row, metric)
      const ratio = base && ratioOf(row, base, metric)
      return [
        metric.key,
        { ...summarize(samples), ...(ratio && { against: base.name, ratio: ratio.median, ratios: ratio.samples }) },
      ]
    })
    return {
      name: row.name,
      peer: row.peer,
      failure: row.failure,
      disturbedRounds: row.disturbedRounds,
      metrics: Object.fromEntries(metrics),
    }
  })
}
