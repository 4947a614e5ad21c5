/** What a measure is: rows of proxies, each giving the same metrics once a round. One file per measure in this folder. */
import type { PeerName } from '../peers/peer.ts'
import type { Others } from '../run/disturbance.ts'
import type { Lab } from '../run/lab.ts'

export type Sample = Readonly<Record<string, number>>

export interface Metric {
  /** In samples and in the JSON; ends with its unit. */
  readonly key: string
  readonly label: string
  readonly better: 'more' | 'less'
  readonly digits: number
  /** Shown without a ratio: it describes the round rather than the proxy. */
  readonly informative?: boolean
  /** Its ratio is that of the medians, because single rounds may be near zero. */
  readonly ofMedians?: boolean
}

export interface Row {
  readonly name: string
  readonly peer: PeerName
  /** Name of the row its ratios are against; without it, the better one of HAProxy and nginx. */
  readonly comparedWith?: string
  /** One round. Throws when the proxy could not do it; the row is then given up and says why. */
  readonly round: (seconds: number) => Promise<Sample>
}

export interface RowResult {
  readonly name: string
  readonly peer: PeerName
  readonly comparedWith?: string | undefined
  /** By metric, one value a round. */
  readonly samples: Record<string, number[]>
  /** Rounds that others on the machine disturbed every time they were tried. */
  disturbedRounds: number
  failure?: string
}

export interface MeasureResult {
  readonly name: string
  readonly title: string
  readonly notes: string[]
  readonly metrics: readonly Metric[]
  readonly rows: readonly RowResult[]
}

export interface Measure {
  readonly name: string
  readonly title: string
  readonly needs: readonly string[]
  readonly metrics: readonly Metric[]
  /** Rounds are so many seconds before the first counted one; 0 where each round warms up by itself. */
  readonly warmUpSeconds: number
  /** Its numbers don't depend on what else the machine does: no round is run again. */
  readonly countsOnly?: boolean
  /** Who disturbs a round; without it all who are not ours. */
  readonly others?: Others
  /** In README.md its table has a place of its own and stays when other measures are run. */
  readonly hasOwnTable?: boolean
  /** It runs so many at most, however many are asked for. */
  readonly roundsMax?: number
  readonly prepare: (lab: Lab, earlier: readonly MeasureResult[]) => Promise<Preparation>
  /** Adds metrics that need all rows of a round, such as "less the direct row". */
  readonly derive?: (rows: readonly RowResult[]) => void
}

export interface Preparation {
  readonly rows: readonly Row[]
  readonly notes?: readonly string[]
  readonly close?: () => Promise<void>
}
