/**
 * What issue 4 wants of `attack`: where HAProxy and nginx both serve fewer than half of the clients of the calm, at
 * least 0.95 of them; where one of them holds, at least as many as the better one, and no slower than the fastest.
 */
import type { MeasureResult, RowResult } from '../measures/measure.ts'
import { median } from '../run/statistics.ts'
import { ratioOf } from './ratios.ts'

const HOLDS_FROM = 0.5
const WHERE_THEY_FALL = 0.95
/** Of what the better one serves: some 600 clients are counted, and a handful is chance. */
const AS_GOOD = 0.99
/** Of the fastest that holds. A few hundred clients make a p99: where both are some ms, it is chance that decides. */
export const P99_AT_MOST = 1

/** Medians of the rounds; shares are of those served in the calm. */
export interface AttackVerdict {
  readonly attack: string
  readonly ours: number
  readonly theirs: Readonly<Record<string, number>>
  /** The better one, where it holds. */
  readonly holder: string | undefined
  readonly reach: number
  readonly goal: number
  /** `undefined` where we were not measured, or nobody to compare with. */
  readonly reachMet: boolean | undefined
  readonly goalMet: boolean | undefined
  /** Ours by that of the fastest one that holds; `undefined` where nobody does. */
  readonly p99Ratio: number | undefined
  readonly p99Met: boolean | undefined
}

export function judgeAttacks(results: readonly MeasureResult[]): AttackVerdict[] {
  const result = results.find(({ name }) => name === 'attack')
  if (result === undefined) return []
  const attacks = new Set(result.rows.map(attackOf))
  return [...attacks].map((attack) => judgeAttack(attack, result))
}

function judgeAttack(attack: string, result: MeasureResult): AttackVerdict {
  const rows = result.rows.filter((row) => attackOf(row) === attack)
  const ours = rows.find(({ peer }) => peer === 'tidegate')
  const others = rows.filter((row) => row !== ours && servedBy(row) >= 0)
  const best = others.toSorted((a, b) => servedBy(b) - servedBy(a))[0] as RowResult | undefined
  const holder = best !== undefined && servedBy(best) >= HOLDS_FROM ? best : undefined
  // Above 1 is where chance took somebody from the calm; nobody can serve more than all.
  const goal = holder === undefined ? WHERE_THEY_FALL : Math.min(1, servedBy(holder))
  const reach = holder === undefined ? WHERE_THEY_FALL : AS_GOOD * goal
  const served = servedBy(ours)
  const p99 = p99Ratio(ours, others, result)
  const isJudged = best !== undefined && served >= 0
  return {
    attack,
    ours: served,
    theirs: Object.fromEntries(others.map((row) => [row.peer, servedBy(row)])),
    holder: holder?.peer,
    reach,
    goal,
    reachMet: isJudged ? served >= reach : undefined,
    goalMet: isJudged ? served >= goal : undefined,
    p99Ratio: p99,
    p99Met: p99 === undefined ? undefined : p99 <= P99_AT_MOST,
  }
}

function p99Ratio(ours: RowResult | undefined, others: readonly RowResult[], result: MeasureResult) {
  const metric = result.metrics.find(({ key }) => key === 'underP99Ms')
  const holders = others.filter((row) => servedBy(row) >= HOLDS_FROM)
  const p99 = (row: RowResult): number => median(row.samples['underP99Ms'] ?? [])
  const fastest = holders.toSorted((a, b) => p99(a) - p99(b))[0] as RowResult | undefined
  if (ours === undefined || fastest === undefined || metric === undefined) return undefined
  return ratioOf(ours, fastest, metric)?.median
}

/** Rows are called `haproxy, flood, 1 source`. */
function attackOf({ name, peer }: RowResult): string {
  return name.slice(peer.length + 2)
}

/** NaN where it was not measured. */
function servedBy(row: RowResult | undefined): number {
  return median(row?.samples['ofCalm'] ?? [])
}
