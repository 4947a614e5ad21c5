/** What is asked of the series, brought to what there is: steps that the kept resolution has, and an answer of bounded size. */
import { KEPT_S } from '../store/tables/series.ts'
import { HOUR_SECONDS } from './hour-memory.ts'
import type { SeriesField } from './series-fields.ts'

/** `''` among `services` is the whole node. */
export interface SeriesQuestion {
  readonly fromMs: number
  readonly toMs: number
  /** As long as is wanted, and longer where no finer one is kept or the answer would be too long; without one, some 300 steps. */
  readonly stepMs?: number | undefined
  readonly services: readonly string[]
  readonly fields: readonly SeriesField[]
}

export type Resolution = 'second' | 'minute' | 'hour'

export interface SeriesPlan {
  readonly resolution: Resolution
  readonly fromS: number
  readonly stepS: number
  readonly count: number
}

const STEPS_WANTED = 300
const STEPS_MAX = 5_000
/** Over all services and fields. */
export const SERIES_VALUES_MAX = 100_000
const MINUTE_S = 60
const HOUR_S = 3_600
const YEAR_S = KEPT_S.hour

export function planOf(question: SeriesQuestion, nowS: number): SeriesPlan {
  const toS = Math.min(Math.ceil(question.toMs / 1000), nowS + 1)
  const fromS = Math.min(Math.max(Math.floor(question.fromMs / 1000), nowS - YEAR_S), toS)
  const rows = Math.max(1, question.services.length * question.fields.length)
  const stepsMax = Math.max(1, Math.min(STEPS_MAX, Math.floor(SERIES_VALUES_MAX / rows)))
  const span = Math.max(1, toS - fromS)
  const wanted = question.stepMs === undefined ? span / STEPS_WANTED : question.stepMs / 1000
  // One step more than fits into the span may be touched.
  const stepS = Math.max(1, Math.ceil(wanted), Math.ceil(span / Math.max(1, stepsMax - 1)))
  return aligned(resolutionFor(stepS, fromS, nowS), stepS, fromS, toS)
}

function resolutionFor(stepS: number, fromS: number, nowS: number): Resolution {
  if (stepS < MINUTE_S && fromS > nowS - HOUR_SECONDS) return 'second'
  if (stepS < HOUR_S && fromS > nowS - KEPT_S.minute) return 'minute'
  return 'hour'
}

function aligned(resolution: Resolution, wantedStepS: number, wantedFromS: number, toS: number): SeriesPlan {
  const unit = resolution === 'second' ? 1 : resolution === 'minute' ? MINUTE_S : HOUR_S
  const stepS = Math.ceil(wantedStepS / unit) * unit
  const fromS = wantedFromS - (wantedFromS % stepS)
  return { resolution, fromS, stepS, count: Math.max(1, Math.ceil((toS - fromS) / stepS)) }
}
