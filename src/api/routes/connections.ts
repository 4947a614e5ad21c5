/** /api/v1/connections: what is open now, page by page; one of them, or all that fit, ended. */
import { z } from 'zod'
import { TooManyLooks, type OpenConnection, type OpenFilter } from '../../control/operator/open-connections.ts'
import type { NodeView } from '../../control/node-view.ts'
import { LookError } from '../../control/workers/connection-looks.ts'
import { parseNetwork } from '../../lib/ip.ts'
import {
  CloseAnswer,
  CloseRequest,
  ConnectionList,
  CONNECTIONS_LISTED_DEFAULT,
  CONNECTIONS_LISTED_MAX,
  CONNECTIONS_PATH,
  type ConnectionView,
  Problem,
} from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import type { App, Room } from '../room.ts'
import { findService, findUpstream } from './named.ts'
import { countText } from './query.ts'

const tags = ['connections']

const Query = z.strictObject({
  service: z.string().max(200).optional(),
  upstream: z.string().max(200).optional(),
  client: z.string().max(100).optional(),
  limit: countText(CONNECTIONS_LISTED_MAX).default(CONNECTIONS_LISTED_DEFAULT),
  after: z.string().max(40).optional(),
})

export function connectionRoutes(app: App, room: Room): void {
  addListing(app, room)
  addClosing(app, room)
}

function addListing(app: App, { node, actions: { connections } }: Room): void {
  app.get(
    CONNECTIONS_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listConnections',
        summary: 'Open connections, page by page.',
        tags,
        querystring: Query,
        response: { 200: ConnectionList, '4xx': Problem, 503: Problem },
      },
    },
    async ({ query: { limit, after, ...names } }) => {
      const page = await answered(connections.list(filterOf(node, names), limit, after))
      if (page !== undefined) return { connections: page.connections.map(viewOf), next: page.next ?? null }
      throw new ApiProblem('E_REQUEST', `after: ${JSON.stringify(after)} is not what an answer before had as next.`)
    },
  )
}

function addClosing(app: App, { node, actions: { connections } }: Room): void {
  app.delete(
    CONNECTIONS_PATH,
    {
      config: { role: 'operator', audit: 'connections.close' },
      schema: {
        operationId: 'closeConnections',
        summary: 'Ends all open connections that fit, with resets to both sides.',
        tags,
        body: CloseRequest,
        response: { 200: CloseAnswer, '4xx': Problem, 503: Problem },
      },
    },
    async (request) => {
      const { all: _, ...names } = request.body
      const closed = await answered(connections.close(filterOf(node, names)))
      request.auditDetails = `${JSON.stringify(request.body)}: ${closed}`
      return { closed }
    },
  )
  app.delete(
    `${CONNECTIONS_PATH}/:id`,
    {
      config: { role: 'operator', audit: 'connections.close' },
      schema: {
        operationId: 'closeConnection',
        summary: 'Ends one open connection, with resets to both sides.',
        tags,
        params: z.object({ id: z.string() }),
        response: { 200: CloseAnswer, '4xx': Problem, 503: Problem },
      },
    },
    async ({ params: { id } }) => {
      if (await answered(connections.closeOne(id))) return { closed: 1 }
      throw new ApiProblem('E_NOT_FOUND', `There is no open connection ${JSON.stringify(id)}; it may have ended.`)
    },
  )
}

interface Names {
  readonly service?: string | undefined
  readonly upstream?: string | undefined
  readonly client?: string | undefined
}

function filterOf(node: NodeView, { service, upstream, client }: Names): OpenFilter {
  if (upstream !== undefined && service === undefined) {
    throw new ApiProblem('E_REQUEST', 'upstream: expected service with it, as names of upstreams are of a service.')
  }
  const found = service === undefined ? undefined : findService(node, service)
  const network = client === undefined ? undefined : parseNetwork(client)
  if (client !== undefined && network === undefined) {
    const expected = 'expected an address such as 192.0.2.1, or a prefix such as 192.0.2.0/24'
    throw new ApiProblem('E_REQUEST', `client: ${JSON.stringify(client)}, ${expected}.`)
  }
  return {
    ...(found === undefined ? {} : { serviceIndex: found.index }),
    ...(found === undefined || upstream === undefined ? {} : { upstreamIndex: findUpstream(found, upstream).index }),
    ...(network === undefined ? {} : { network }),
  }
}

function viewOf({
  upstream,
  upstreamAddress,
  idleMs,
  clientRttMs,
  upstreamRttMs,
  ...rest
}: OpenConnection): ConnectionView {
  return {
    ...rest,
    upstream: upstream ?? null,
    upstreamAddress: upstreamAddress ?? null,
    idleMs: idleMs ?? null,
    clientRttMs: clientRttMs ?? null,
    upstreamRttMs: upstreamRttMs ?? null,
  }
}

/** What workers could not tell is no error of ours. */
export async function answered<Answer>(asking: Promise<Answer>): Promise<Answer> {
  try {
    return await asking
  } catch (error) {
    if (error instanceof TooManyLooks) throw new ApiProblem('E_TOO_MANY', error.message)
    if (error instanceof LookError) throw new ApiProblem('E_NOT_READY', error.message)
    throw error
  }
}
