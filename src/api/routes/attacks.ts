/** /api/v1/attacks and /api/v1/top: attacks on services, and who comes most. */
import { z } from 'zod'
import { levelsOf } from '../../control/detect/attack-kinds.ts'
import type { WatchedService } from '../../control/detect/watched-service.ts'
import { TOP_SECONDS } from '../../control/detect/visitors.ts'
import type { NodeView } from '../../control/node-view.ts'
import {
  ATTACKS_PATH,
  AttacksAnswer,
  AttackView,
  Problem,
  TOP_LISTED_DEFAULT,
  TOP_LISTED_MAX,
  TOP_PATH,
  TOP_SPANS,
  TopAnswer,
  type WatchedServiceView,
} from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import type { App, Room } from '../room.ts'
import { countText } from './query.ts'

const tags = ['attacks']

const TopQuery = z.strictObject({
  by: z.enum(TOP_SPANS, `expected ${TOP_SPANS.join(' or ')}`).default('address'),
  limit: countText(TOP_LISTED_MAX).default(TOP_LISTED_DEFAULT),
  service: z.string().optional(),
})

const ListQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,4}$/, 'expected a number of attacks')
    .transform(Number)
    .optional(),
})

export function attackRoutes(app: App, { node }: Room): void {
  app.get(
    ATTACKS_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listAttacks',
        summary: 'Attacks, the newest first, and what the detector sees of each service.',
        tags,
        querystring: ListQuery,
        response: { 200: AttacksAnswer, '4xx': Problem },
      },
    },
    ({ query: { limit } }) => ({
      services: node.attacks.watched().map(viewOf),
      attacks: node.attacks.list().toReversed().slice(0, limit),
    }),
  )
  app.get(
    `${ATTACKS_PATH}/:id`,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'attack',
        summary: 'One attack by its number.',
        tags,
        params: z.object({ id: z.string() }),
        response: { 200: AttackView, '4xx': Problem },
      },
    },
    ({ params: { id } }) => {
      const record = /^\d{1,15}$/.test(id) ? node.attacks.find(Number(id)) : undefined
      if (record !== undefined) return record
      throw new ApiProblem('E_NOT_FOUND', `There is no attack ${id}; tidegate attacks lists them.`)
    },
  )
  app.get(
    TOP_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'top',
        summary: 'Who comes most, by address or prefix.',
        tags,
        querystring: TopQuery,
        response: { 200: TopAnswer, '4xx': Problem },
      },
    },
    ({ query }) => top(node, query),
  )
}

function viewOf({ service, config, attack, isLearning, detector, sample }: WatchedService): WatchedServiceView {
  return {
    service: service.name,
    mode: config.mode,
    attack: attack?.start.id ?? null,
    learning: isLearning,
    calm: detector.calm.levels,
    limits: detector.limits,
    now: levelsOf(sample),
  }
}

function top(node: Pick<NodeView, 'attacks' | 'tables'>, { by, limit, service }: z.infer<typeof TopQuery>): TopAnswer {
  const names = node.tables().services.map(({ name }) => name)
  if (service !== undefined && !names.includes(service)) {
    throw new ApiProblem('E_NOT_FOUND', `There is no service ${service}; there is ${names.join(', ')}.`)
  }
  return { by, seconds: TOP_SECONDS, sources: node.attacks.top(by, limit, service) }
}
