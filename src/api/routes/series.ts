/** /api/v1/series and /api/v1/totals: what happened when, and all in all. */
import { z } from 'zod'
import { SERIES_FIELDS, type SeriesField } from '../../control/series/series-fields.ts'
import { NODE } from '../../control/store/tables/series.ts'
import { parseDuration } from '../../lib/duration.ts'
import { didYouMean } from '../../lib/did-you-mean.ts'
import { Problem, SERIES_FIELDS_DEFAULT, SERIES_PATH, SeriesAnswer, TOTALS_PATH, TotalsAnswer } from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import type { App, Room } from '../room.ts'
import { findService } from './named.ts'

const tags = ['statistics']
const HOUR_MS = 3_600_000
const YEAR_MS = 366 * 24 * HOUR_MS

const Time = z.iso.datetime({ offset: true, error: 'expected a time such as 2026-11-21T18:00:00Z' })
const Query = z.strictObject({
  service: z.union([z.string(), z.array(z.string())]).optional(),
  fields: z.string().max(2_000).optional(),
  from: z.string().max(40).optional(),
  to: Time.optional(),
  step: z.string().max(20).optional(),
})

export function seriesRoutes(app: App, room: Room): void {
  addSeries(app, room)
  addTotals(app, room)
}

function addSeries(app: App, { node }: Room): void {
  app.get(
    SERIES_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'series',
        summary: 'Statistics over time, of the node or of services.',
        tags,
        querystring: Query,
        response: { 200: SeriesAnswer, '4xx': Problem },
      },
    },
    async ({ query }) => {
      const toMs = query.to === undefined ? Date.now() : Date.parse(query.to)
      const fromMs = fromOf(query.from, toMs)
      if (fromMs >= toMs) throw new ApiProblem('E_REQUEST', 'from: expected a time before to.')
      const names = [...new Set([query.service ?? []].flat())]
      for (const name of names) findService(node, name)
      const services = names.length === 0 ? [NODE] : names
      const fields = fieldsOf(query.fields)
      const { series, isComplete, ...answer } = await node.series.query({
        fromMs,
        toMs,
        stepMs: stepOf(query.step),
        services,
        fields,
      })
      return {
        from: new Date(answer.fromMs).toISOString(),
        stepMs: answer.stepMs,
        resolution: answer.resolution,
        complete: isComplete,
        series: series.map(({ service, field, mean, min, max }) => ({
          service: service === NODE ? null : service,
          field,
          mean: [...mean],
          min: [...min],
          max: [...max],
        })),
      }
    },
  )
}

function addTotals(app: App, { node }: Room): void {
  app.get(
    TOTALS_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'totals',
        summary: 'What was counted in all, over restarts, of the node or of a service.',
        tags,
        querystring: z.strictObject({ service: z.string().optional() }),
        response: { 200: TotalsAnswer, '4xx': Problem },
      },
    },
    ({ query: { service } }) => {
      if (service !== undefined) findService(node, service)
      const { sinceMs, counts } = node.series.totals(service)
      return { service: service ?? null, since: new Date(sinceMs).toISOString(), counts: { ...counts } }
    },
  )
}

function fieldsOf(text: string | undefined): readonly SeriesField[] {
  if (text === undefined) return SERIES_FIELDS_DEFAULT
  return [...new Set(text.split(','))].map((field) => {
    const known = SERIES_FIELDS.find((one) => one === field)
    if (known !== undefined) return known
    const near = didYouMean(field, SERIES_FIELDS)
    const advice = near === undefined ? `Expected some of ${SERIES_FIELDS.join(', ')}.` : `Did you mean ${near}?`
    throw new ApiProblem('E_REQUEST', `fields: there is no ${JSON.stringify(field)}. ${advice}`)
  })
}

/** A time, or a duration back from `to`. */
function fromOf(text: string | undefined, toMs: number): number {
  if (text === undefined) return toMs - HOUR_MS
  const ago = parseDuration(text, YEAR_MS)
  if (ago.ok) return toMs - ago.value
  const time = Time.safeParse(text)
  if (time.success) return Date.parse(time.data)
  const expected = 'expected a time such as 2026-11-21T18:00:00Z, or how long ago such as 24h'
  throw new ApiProblem('E_REQUEST', `from: ${JSON.stringify(text)}, ${expected}.`)
}

function stepOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const parsed = parseDuration(text, YEAR_MS)
  if (parsed.ok && parsed.value > 0) return parsed.value
  throw new ApiProblem('E_REQUEST', `step: ${JSON.stringify(text)}, expected a duration such as 10s, 1m or 1h.`)
}
