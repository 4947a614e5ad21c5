/** POST /api/v1/services/{service}/upstreams/{upstream}: what an operator wants of an upstream, from now on. */
import { z } from 'zod'
import type { StateChange } from '../../control/operator/operator-states.ts'
import type { Service, Upstream } from '../../traffic/tables.ts'
import type { Wanted } from '../../traffic/upstream-states.ts'
import { Problem, UPSTREAM_STATE_PATH, UpstreamStateAnswer, UpstreamStateRequest } from '../contract.ts'
import { type App, askedBy, type Room } from '../room.ts'
import { upstreamStatus } from '../status.ts'
import { findService, findUpstream } from './named.ts'

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
      const service = findService(node, request.params.service)
      const upstream = findUpstream(service, request.params.upstream)
      const { state } = request.body
      request.auditDetails = state
      const change = await actions.setUpstreamState(service, upstream, state, askedBy(request).who)
      return { service: service.name, ...change, upstream: upstreamStatus(node, service, upstream) }
    },
  )
}
