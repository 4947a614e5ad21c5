/**
 * Ratios between rows. A ratio is the median of the ratios of single rounds, not the ratio of two medians:
 * rows of one round ran within seconds of each other, so what disturbed the machine meanwhile cancels out.
 * Only a metric that is a difference itself, and may be near zero, is compared by its medians (`ofMedians`).
 */
import type { MeasureResult, Metric, RowResult } from '../measures/measure.ts'
import { median, summarize, type Summary } from '../run/statistics.ts'

/** Whom `row` is compared with in `metric`: its own base row, else the best one of HAProxy and nginx. */
export function baseRow(result: MeasureResult, row: RowResult, metric: Metric): RowResult | undefined {
  if (row.comparedWith !== undefined) return result.rows.find((each) => each.name === row.comparedWith)
  if (row.peer === 'direct') return undefined
  return betterPeer(result, metric)
}

export function betterPeer(result: MeasureResult, metric: Metric): RowResult | undefined {
  const peers = result.rows.filter((row) => ['haproxy', 'haproxy-splice', 'nginx'].includes(row.peer))
  const withSamples = peers.filter((row) => (row.samples[metric.key] ?? []).length > 0)
  const best = (row: RowResult) => summarize(row.samples[metric.key]).median * (metric.better === 'more' ? -1 : 1)
  return withSamples.toSorted((a, b) => best(a) - best(b))[0]
}

export function ratioOf(row: RowResult, base: RowResult, { key, ofMedians }: Metric): Summary | undefined {
  const ours = row.samples[key] ?? []
  const theirs = base.samples[key] ?? []
  const rounds = Math.min(ours.length, theirs.length)
  const each = Array.from({ length: rounds }, (_, i) => ours[i] / theirs[i])
  const ratios = (ofMedians ? [median(ours) / median(theirs)] : each).filter(Number.isFinite)
  return ratios.length === 0 ? undefined : summarize(ratios)
}
