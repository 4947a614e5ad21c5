/** The part of contract.ts about statistics over time; import it from there. */
import { z } from 'zod'

const Count = z.number().nonnegative()

/**
 * GET answers a SeriesAnswer: `?service=` (again for more; none is the whole node), `?fields=` with commas, `?from=` as a
 * time or as a duration back, `?to=` as a time, `?step=` as a duration.
 */
export const SERIES_PATH = '/api/v1/series'
/** GET answers a TotalsAnswer; `?service=`, none is the whole node. */
export const TOTALS_PATH = '/api/v1/totals'
export const SERIES_FIELDS_DEFAULT = [
  'connectionsOpen',
  'connectionsNew',
  'refused',
  'bytesToUpstream',
  'bytesToClient',
] as const

/** One for each step; null where nothing was measured. */
const Values = z.array(z.number().nullable())

export const SeriesAnswer = z.object({
  /** When the first step begins. */
  from: z.iso.datetime(),
  stepMs: Count,
  /** How finely the answer was kept. */
  resolution: z.enum(['second', 'minute', 'hour']),
  /** False: the store did not answer, and only what is in memory is there. */
  complete: z.boolean(),
  /** Counts are by second. */
  series: z.array(
    z.object({
      /** Null is the whole node. */
      service: z.string().nullable(),
      field: z.string(),
      mean: Values,
      min: Values,
      max: Values,
    }),
  ),
})
export type SeriesAnswer = z.infer<typeof SeriesAnswer>

export const TotalsAnswer = z.object({
  service: z.string().nullable(),
  since: z.iso.datetime(),
  /** By field; what never happened is left out. */
  counts: z.record(z.string(), Count),
})
export type TotalsAnswer = z.infer<typeof TotalsAnswer>
