/** Runs one measure: a warm-up for each row, then rounds in which every row has its turn. */
import type { Measure, MeasureResult, Row, RowResult, Sample } from '../measures/measure.ts'
import type { Lab } from './lab.ts'
import { othersShareDuring } from './disturbance.ts'
import { BenchFailure } from './failure.ts'

/** Of the machine's CPU time. A quiet machine's own housekeeping is about 0.01. */
const OTHERS_SHARE_MAX = 0.04

export interface Rounds {
  readonly count: number
  /** How often one round is run while others disturb it. */
  readonly triesMax: number
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
  const givingUp = (row: Row, work: (result: RowResult) => Promise<void>) => giveUpOnFailure(results, row, work)
  try {
    if (measure.warmUpSeconds > 0) {
      for (const row of rows) await givingUp(row, async () => void (await row.round(measure.warmUpSeconds)))
    }
    const count = Math.min(rounds.count, measure.roundsMax ?? Infinity)
    for (let round = 0; round < count; round++) {
      rounds.say(`${measure.name}: round ${round + 1} of ${count}`)
      for (const row of rotated(rows, round)) {
        await givingUp(row, (result) => countRound(measure, row, result, lab.seconds, rounds.triesMax))
      }
    }
  } finally {
    await close?.()
  }
  const done = [...results.values()]
  measure.derive?.(done)
  const { name, title, metrics } = measure
  return {
    name,
    title,
    notes: [...notes, ...(measure.countsOnly ? [] : disturbanceNotes(done, rounds))],
    metrics,
    rows: done,
  }
}

/** Every round starts with another row, so that no proxy always follows the same one. */
function rotated(rows: readonly Row[], by: number): readonly Row[] {
  return rows.map((_, i) => rows[(i + by) % rows.length])
}

function emptyResult(row: Row): RowResult {
  return { name: row.name, peer: row.peer, comparedWith: row.comparedWith, samples: {}, disturbedRounds: 0 }
}

/** A row that failed once is left out of the later rounds; its reason is in the table. */
async function giveUpOnFailure(
  results: ReadonlyMap<Row, RowResult>,
  row: Row,
  work: (result: RowResult) => Promise<void>,
): Promise<void> {
  const result = results.get(row) as RowResult
  if (result.failure !== undefined) return
  try {
    await work(result)
  } catch (error) {
    result.failure = error instanceof BenchFailure ? error.message : String((error as Error).stack)
  }
}

/** Runs the round again while others disturb it; of all tries the least disturbed one counts. */
async function countRound(
  { countsOnly, others }: Measure,
  row: Row,
  result: RowResult,
  seconds: number,
  triesMax: number,
): Promise<void> {
  let best: { sample: Sample; othersShare: number } | undefined
  for (let tries = 0; tries < (countsOnly ? 1 : triesMax); tries++) {
    let sample: Sample = {}
    const othersShare = await othersShareDuring(async () => {
      sample = await row.round(seconds)
    }, others)
    if (best === undefined || othersShare < best.othersShare) best = { sample, othersShare }
    if (othersShare <= OTHERS_SHARE_MAX) break
  }
  if (best === undefined) return
  if (best.othersShare > OTHERS_SHARE_MAX) result.disturbedRounds++
  for (const [key, value] of Object.entries(best.sample)) (result.samples[key] ??= []).push(value)
}

function disturbanceNotes(rows: readonly RowResult[], { count, triesMax }: Rounds): string[] {
  const disturbed = rows.filter((row) => row.disturbedRounds > 0)
  if (disturbed.length === 0) return []
  const list = disturbed.map((row) => `${row.name} ${row.disturbedRounds} of ${count}`).join(', ')
  const limit = `${OTHERS_SHARE_MAX * 100} % of the CPU`
  return [`Rounds in which other processes used over ${limit} in each of ${triesMax} tries: ${list}.`]
}
