/** /api/v1/exposure: what vantages elsewhere got from our upstreams. */
import { z } from 'zod'
import { isAtLeast } from '../../control/access/identity.ts'
import type { ExposureEntry as Entry } from '../../control/golive/exposure/exposure-book.ts'
import { TooManyReportsError } from '../../control/golive/exposure/report-limits.ts'
import { StoreError } from '../../control/store/store.ts'
import {
  EXPOSURE_PATH,
  type ExposureEntry,
  ExposureReport,
  EXPOSURES_LISTED_MAX,
  ExposuresAnswer,
  ExposureTakenAnswer,
  Problem,
} from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import { type App, askedBy, type Room } from '../room.ts'
import type { GoliveActions } from './golive.ts'
import { countText } from './query.ts'

const tags = ['going live']
/** 512 ports of IPv6 addresses. */
const BODY_BYTES_MAX = 64 * 1024
const LISTED_DEFAULT = 100

type Exposures = GoliveActions['exposures']

export function exposureRoutes(app: App, { actions: { goingLive } }: Room): void {
  addReporting(app, goingLive.exposures)
  addListing(app, goingLive.exposures)
}

function addReporting(app: App, exposures: Exposures): void {
  app.post(
    EXPOSURE_PATH,
    {
      bodyLimit: BODY_BYTES_MAX,
      // A vantage is a machine of somebody else: a token for a service, of the least role, is to be enough.
      config: { role: 'viewer', audit: 'exposure.report', isForAnyService: true },
      schema: {
        operationId: 'reportExposure',
        summary: 'Takes what `tidegate exposure` saw elsewhere; from an operator, or with a token for the service.',
        tags,
        body: ExposureReport,
        response: { 200: ExposureTakenAnswer, '4xx': Problem, '5xx': Problem },
      },
    },
    async (request) => {
      const { who, role, services } = askedBy(request)
      if (services === undefined && !isAtLeast(role, 'operator'))
        throw new ApiProblem('E_FORBIDDEN', `${who} is ${role}; this needs operator, or a token for the service.`)
      const source = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? ''
      request.auditDetails = request.body.host
      const taken = await withStore(() => exposures.take(request.body, { who, source, services }))
      if (taken.services.length > 0) return { ...taken, services: [...taken.services], why: taken.why ?? null }
      const whose = services === undefined ? 'any service' : services.join(', ')
      const host = JSON.stringify(request.body.host)
      throw new ApiProblem('E_NOT_FOUND', `${host} is no upstream of ${whose}; name it as in the configuration.`, {
        title: 'Unknown upstream',
      })
    },
  )
}

function addListing(app: App, exposures: Exposures): void {
  app.get(
    EXPOSURE_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listExposure',
        summary: 'The last report of each vantage, and all there were, the newest first.',
        tags,
        querystring: z.strictObject({
          service: z.string().max(300).optional(),
          limit: countText(EXPOSURES_LISTED_MAX).default(LISTED_DEFAULT),
          before: countText(999_999_999).optional(),
        }),
        response: { 200: ExposuresAnswer, '4xx': Problem, '5xx': Problem },
      },
    },
    async ({ query }) => {
      const [vantages, results] = await withStore(() => Promise.all([exposures.vantages(), exposures.list(query)]))
      const shown = vantages.filter(({ service }) => query.service === undefined || service === query.service)
      return {
        vantages: shown.map(({ vantage, service, isSilent, last }) => ({
          vantage,
          service,
          last: viewOf(last),
          silent: isSilent,
        })),
        results: results.map(viewOf),
      }
    },
  )
}

function viewOf(entry: Entry): ExposureEntry {
  return { ...entry, why: entry.why ?? null }
}

async function withStore<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof TooManyReportsError)
      throw new ApiProblem('E_TOO_MANY', error.message, { retryAfterMs: error.retryAfterMs })
    if (error instanceof StoreError) throw new ApiProblem('E_STORE', error.message)
    throw error
  }
}
