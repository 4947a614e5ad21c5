/** POST RELOAD_PATH: the configuration file is read again, and taken over or only compared. */
import { z } from 'zod'
import type { ReloadOutcome } from '../../control/reload/reload.ts'
import { Problem, RELOAD_PATH, RELOAD_STATUSES, RELOAD_TIMEOUT_MS, ReloadAnswer } from '../contract.ts'
import type { App, Room } from '../room.ts'

export interface ReloadActions {
  readonly run: () => Promise<ReloadOutcome>
  /** Changes nothing. */
  readonly check: () => Promise<ReloadOutcome>
}

export function reloadRoutes(app: App, { actions }: Room): void {
  app.post(
    RELOAD_PATH,
    {
      config: { role: 'admin', audit: 'reload' },
      schema: {
        operationId: 'reload',
        summary: 'Reads the configuration file again and takes it over, or with dryRun only says what would change.',
        tags: ['config'],
        querystring: z.strictObject({ dryRun: z.enum(['true', 'false'], 'expected true or false').optional() }),
        response: { 200: ReloadAnswer, 409: ReloadAnswer, 422: ReloadAnswer, 503: ReloadAnswer, '4xx': Problem },
      },
    },
    async (request, reply) => {
      // Longer than for questions: names may have to be looked up.
      request.raw.socket.setTimeout(RELOAD_TIMEOUT_MS)
      const { reload } = actions
      const outcome = plain(request.query.dryRun === 'true' ? await reload.check() : await reload.run())
      request.auditDetails = outcome.kind
      return reply.status(RELOAD_STATUSES[outcome.kind]).send(outcome)
    },
  )
}

/** The contract has plain, changeable objects; the outcome has the same fields. */
function plain(outcome: ReloadOutcome): ReloadAnswer {
  return JSON.parse(JSON.stringify(outcome)) as ReloadAnswer
}
