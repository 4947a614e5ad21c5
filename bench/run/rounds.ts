/** Runs one measure: a warm-up for each row, then rounds in which every row has its turn. */
import type { Measure, MeasureResult, Row, RowResult, Sample } from '../measures/measure.ts'
import type { Lab } from './lab.ts'
import { othersShareDuring } from './disturbance.ts'
import { BenchFailure } from './failure.ts'

/** Of the machine's CPU time. A quiet machine's own housekeeping is about 0.01. */
const OTHERS_SHARE_MAX = 0.04
const TRIES_MAX = 3

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
  return {
    name: measure.name,
    title: measure.title,
    notes: [...notes, ...disturbanceNotes(done, rounds.count)],
    metrics: measure.metrics,
    rows: done,
  }
}

function disturbanceNotes(rows: readonly RowResult[], rounds: number): string[] {
  const disturbed = rows.filter((row) => row.disturbedRounds > 0)
  if (disturbed.length === 0) return []
  const list = disturbed.map((row) => `${row.name} ${row.disturbedRounds} of ${rounds}`).join(', ')
  return [
    `Rounds in which other processes used over ${OTHERS_SHARE_MAX * 100} % of the CPU, after ${TRIES_MAX} tries: ${list}.`,
  ]
}

/** Every round starts with another row, so that no proxy always follows the same one. */
function rotated(rows: readonly Row[], by: number): readonly Row[] {
  return rows.map((_, i) => rows[(i + by) % rows.length])
}

function emptyResult(row: Row): RowResult {
  return { name: row.name, peer: row.peer, comparedWith: row.comparedWith, samples: {}, disturbedRounds: 0 }
}

/** A row that failed once is left out of the later rounds; its reason is in the table. */
async function tryRound(row: Row, result: RowResult, seconds: number, kind: 'warm-up' | 'counted'): Promise<void> {
  if (result.failure !== undefined) return
  try {
    if (kind === 'warm-up') await row.round(seconds)
    else await countRound(row, result, seconds)
  } catch (error) {
    result.failure = error instanceof BenchFailure ? error.message : String((error as Error).stack)
  }
}

/** Runs the round again while others disturb it; of all tries the least disturbed one counts. */
async function countRound(row: Row, result: RowResult, seconds: number): Promise<void> {
  let best: { sample: Sample; othersShare: number } | undefined
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    let sample: Sample = {}
    const othersShare = await othersShareDuring(async () => {
      sample = await row.round(seconds)
    })
    if (best === undefined || othersShare < best.othersShare) best = { sample, othersShare }
    if (othersShare <= OTHERS_SHARE_MAX) break
  }
  if (best === undefined) return
  if (best.othersShare > OTHERS_SHARE_MAX) result.disturbedRounds++
  for (const [key, value] of Object.entries(best.sample)) (result.samples[key] ??= []).push(value)
}
