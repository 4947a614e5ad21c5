/** Runs one measure: a warm-up for each row, then rounds in which every row has its turn. */
import type { Measure, MeasureResult, Row, RowResult } from '../measures/measure.ts'
import type { Lab } from './lab.ts'
import { BenchFailure } from './failure.ts'

export interface Rounds {
  readonly count: number
  readonly say: (line: string) => void
}

export async function runMeasure(
  measure: Measure,
  lab: Lab,
  rounds: Rounds,
  earlier: readonly MeasureResult[],
): Promise<MeasureResult> {
  const { rows, notes = [], close } = await measure.prepare(lab, earlier)
  const results = new Map<Row, RowResult>(rows.map((row) => [row, emptyResult(row)]))
  try {
    if (measure.warmUpSeconds > 0) {
      for (const row of rows) await tryRound(row, results.get(row) as RowResult, measure.warmUpSeconds, 'warm-up')
    }
    for (let round = 0; round < rounds.count; round++) {
      rounds.say(`${measure.name}: round ${round + 1} of ${rounds.count}`)
      for (const row of rotated(rows, round)) {
        await tryRound(row, results.get(row) as RowResult, lab.seconds, 'counted')
      }
    }
  } finally {
    await close?.()
  }
  const done = [...results.values()]
  measure.derive?.(done)
  return { name: measure.name, title: measure.title, notes: [...notes], metrics: measure.metrics, rows: done }
}

/** Every round starts with another row, so that no proxy always follows the same one. */
function rotated(rows: readonly Row[], by: number): readonly Row[] {
  return rows.map((_, i) => rows[(i + by) % rows.length])
}

function emptyResult(row: Row): RowResult {
  return { name: row.name, peer: row.peer, comparedWith: row.comparedWith, samples: {} }
}

/** A row that failed once is left out of the later rounds; its reason is in the table. */
async function tryRound(row: Row, result: RowResult, seconds: number, kind: 'warm-up' | 'counted'): Promise<void> {
  if (result.failure !== undefined) return
  try {
    const sample = await row.round(seconds)
    if (kind === 'warm-up') return
    for (const [key, value] of Object.entries(sample)) (result.samples[key] ??= []).push(value)
  } catch (error) {
    result.failure = error instanceof BenchFailure ? error.message : String((error as Error).stack)
  }
}
