/** POST /api/v1/services/{service}/signals: an upstream says who misbehaves, and the client is banned. */
import { z } from 'zod'
import { formatIp, parseIp } from '../../lib/ip.ts'
import type { Service } from '../../traffic/tables.ts'
import { Problem, SIGNAL_TTL_MS_DEFAULT, SignalAnswer, SignalRequest, SIGNALS_PATH } from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import { type App, askedBy, type Room } from '../room.ts'
import { refuseWhenLeft } from './bans.ts'
import { answered } from './connections.ts'
import { findService } from './named.ts'

export function signalRoutes(app: App, { node, actions }: Room): void {
  app.post(
    SIGNALS_PATH,
    {
      config: { role: 'operator', audit: 'signals.add', isForService: true },
      schema: {
        operationId: 'addSignal',
        summary: 'An upstream of the service says that a client misbehaves: it is banned for a time.',
        tags: ['bans'],
        params: z.object({ service: z.string() }),
        body: SignalRequest,
        response: { 200: SignalAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      refuseWhenLeft(actions.bans)
      const service = findService(node, request.params.service)
      const { reason, ttlMs = SIGNAL_TTL_MS_DEFAULT } = request.body
      const client = await clientOf(actions.connections, service, request.body)
      request.auditDetails = `${formatIp(client)}: ${reason}`
      const by = `${askedBy(request).who} for ${service.name}`
      const outcome = actions.bans.signal({ client, ttlMs, why: reason, by })
      if (outcome.kind === 'never') {
        throw new ApiProblem('E_NEVER_BANNED', `${outcome.prefix} ${outcome.why}, and is not banned.`)
      }
      const { text: prefix, untilMs } = outcome.ban
      const until = untilMs === Infinity ? null : new Date(untilMs).toISOString()
      return { prefix, until, changed: outcome.isNew }
    },
  )
}

type Connections = Room['actions']['connections']

async function clientOf(
  connections: Connections,
  service: Service,
  { client, connection }: SignalRequest,
): Promise<Uint8Array> {
  if (connection === undefined) {
    const address = parseIp(client ?? '')
    if (address !== undefined) return address
    throw new ApiProblem('E_REQUEST', `client is ${JSON.stringify(client)}; expected one IP address.`)
  }
  // Whose connections there are elsewhere is nothing for an upstream of this service.
  const found = await answered(connections.clientOf(connection, service.index))
  if (found !== undefined) return found
  throw new ApiProblem(
    'E_NOT_FOUND',
    `Service ${service.name} has no open connection ${connection}. Where it has ended, send the address of the client.`,
  )
}
