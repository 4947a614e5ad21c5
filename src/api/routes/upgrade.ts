/** POST UPGRADE_PATH: the next version is started, and this one drains once that serves. */
import { Problem, UPGRADE_PATH, UPGRADE_TIMEOUT_MS, UpgradeAnswer } from '../contract.ts'
import type { App, Room } from '../room.ts'

export type UpgradeAction = () => Promise<UpgradeAnswer>

export function upgradeRoutes(app: App, { actions }: Room): void {
  app.post(
    UPGRADE_PATH,
    {
      config: { role: 'admin', audit: 'upgrade' },
      schema: {
        operationId: 'upgrade',
        summary: 'Starts the version that is installed now; this process drains once that serves.',
        tags: ['node'],
        response: { 200: UpgradeAnswer, 503: UpgradeAnswer, '4xx': Problem },
      },
    },
    async (request, reply) => {
      request.raw.socket.setTimeout(UPGRADE_TIMEOUT_MS)
      const outcome = await actions.upgrade()
      request.auditDetails = outcome.kind
      return reply.status(outcome.kind === 'ready' ? 200 : 503).send(outcome)
    },
  )
}
