/** /api/v1/tokens: keys for programs. */
import { z } from 'zod'
import type { StoredToken } from '../../control/access/access-store.ts'
import { didYouMean } from '../../lib/did-you-mean.ts'
import {
  ACCESS_PATHS,
  NewTokenAnswer,
  NewTokenRequest,
  Nobody,
  Problem,
  TokensAnswer,
  type TokenView,
} from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import { type App, askedBy, type Room } from '../room.ts'

const tags = ['tokens']

export function tokenRoutes(app: App, room: Room): void {
  addListing(app, room)
  addAdding(app, room)
  addRemoving(app, room)
}

function addListing(app: App, { access }: Room): void {
  app.get(
    ACCESS_PATHS.tokens,
    {
      config: { role: 'admin' },
      schema: {
        operationId: 'listTokens',
        summary: 'The tokens of programs, without their secrets.',
        tags,
        response: { 200: TokensAnswer, '4xx': Problem },
      },
    },
    async () => ({ tokens: (await access.tokens.list()).map(viewOf) }),
  )
}

function addAdding(app: App, { access, node }: Room): void {
  app.post(
    ACCESS_PATHS.tokens,
    {
      config: { role: 'admin', audit: 'tokens.add' },
      schema: {
        operationId: 'addToken',
        summary: 'Makes a token, and tells its secret, once.',
        tags,
        body: NewTokenRequest,
        response: { 201: NewTokenAnswer, '4xx': Problem },
      },
    },
    async (request, reply) => {
      const { name, role, services, ttlMs } = request.body
      const known = node.tables().services.map((service) => service.name)
      for (const service of services ?? []) requireKnown(service, known)
      request.auditDetails = `${name} as ${role}${services === undefined ? '' : ` for ${services.join(', ')}`}`
      const asked = { name, role, services: services ?? null, ttlMs: ttlMs ?? null, by: askedBy(request).who }
      const { token, secret } = await access.tokens.add(asked)
      return reply.status(201).send({ token: viewOf(token), secret })
    },
  )
}

function addRemoving(app: App, { access }: Room): void {
  app.delete(
    ACCESS_PATHS.token,
    {
      config: { role: 'admin', audit: 'tokens.remove' },
      schema: {
        operationId: 'removeToken',
        summary: 'Takes a token back, by id or name.',
        tags,
        params: z.object({ id: z.string() }),
        body: Nobody,
        response: { 200: TokensAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      const removed = await access.tokens.remove(request.params.id)
      if (removed === undefined) {
        throw new ApiProblem('E_NOT_FOUND', `There is no token ${JSON.stringify(request.params.id)}.`)
      }
      request.auditDetails = removed.name
      return { tokens: (await access.tokens.list()).map(viewOf) }
    },
  )
}

/** A token for a service with a typo would be refused everywhere, and nobody would know why. */
function requireKnown(service: string, known: readonly string[]): void {
  if (known.includes(service)) return
  const near = didYouMean(service, known)
  const advice = near === undefined ? '' : ` Did you mean ${near}?`
  throw new ApiProblem('E_REQUEST', `There is no service ${JSON.stringify(service)}.${advice}`)
}

function viewOf(token: StoredToken): TokenView {
  const { id, name, role, services, createdMs, expiresMs, lastUsedMs, by } = token
  const timeOf = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())
  return {
    id,
    name,
    role,
    services: services === null ? null : [...services],
    since: new Date(createdMs).toISOString(),
    until: timeOf(expiresMs),
    lastUsed: timeOf(lastUsedMs),
    by,
  }
}
