/** POST /api/v1/services/{service}/upstreams/{upstream}: what an operator wants of an upstream, from now on. */
import { z } from 'zod'
import type { StateChange } from '../../control/operator/operator-states.ts'
import type { NodeView } from '../../control/node-view.ts'
import { didYouMean } from '../../lib/did-you-mean.ts'
import type { Service, Upstream } from '../../traffic/tables.ts'
import type { Wanted } from '../../traffic/upstream-states.ts'
import { Problem, UPSTREAM_STATE_PATH, UpstreamStateAnswer, UpstreamStateRequest } from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import { type App, askedBy, type Room } from '../room.ts'
import { upstreamStatus } from '../status.ts'

export type SetUpstreamState = (service: Service, upstream: Upstream, to: Wanted, by: string) => Promise<StateChange>

export function upstreamStateRoutes(app: App, { node, actions }: Room): void {
  app.post(
    UPSTREAM_STATE_PATH,
    {
      config: { role: 'operator', audit: 'upstream.state', isForService: true },
      schema: {
        operationId: 'setUpstreamState',
        summary: 'What is wanted of an upstream from now on: up, drain or down.',
        tags: ['services'],
        params: z.object({ service: z.string(), upstream: z.string() }),
        body: UpstreamStateRequest,
        response: { 200: UpstreamStateAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      const { service, upstream } = find(node, request.params)
      const { state } = request.body
      request.auditDetails = state
      const change = await actions.setUpstreamState(service, upstream, state, askedBy(request).who)
      return { service: service.name, ...change, upstream: upstreamStatus(node, service, upstream) }
    },
  )
}

function find(node: NodeView, names: { readonly service: string; readonly upstream: string }) {
  const { services } = node.tables()
  const service = services.find(({ name }) => name === names.service)
  if (service === undefined) throw unknown('service', names.service, services, 'This node has')
  const upstream = service.upstreams.find(({ name }) => name === names.upstream)
  if (upstream === undefined) {
    throw unknown('upstream', names.upstream, service.upstreams, `Service ${service.name} has`)
  }
  return { service, upstream }
}

/** So many names a sentence lists. */
const NAMES_SHOWN_MAX = 10

function unknown(kind: string, name: string, known: readonly { readonly name: string }[], has: string): ApiProblem {
  const names = known.map((one) => one.name)
  const near = didYouMean(name, names)
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ') + (names.length > NAMES_SHOWN_MAX ? ', …' : '')
  const advice = near === undefined ? `${has} ${shown}.` : `Did you mean ${near}?`
  return new ApiProblem('E_NOT_FOUND', `There is no ${kind} ${JSON.stringify(name)}. ${advice}`, {
    title: `Unknown ${kind}`,
  })
}
