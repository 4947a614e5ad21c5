/** The admin API as fastify runs it: what is common to all routes. The routes are in routes/. */
import Fastify, { type FastifyReply, type FastifyRequest, type RouteOptions } from 'fastify'
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { type Identity, isAtLeast } from '../control/access/identity.ts'
import { OPENAPI_PATH } from './contract.ts'
import { requireOwnHost, requireOwnOrigin, requireProofOfPage } from './guard.ts'
import { identify, isLook, requireRole } from './identify.ts'
import { asProblem } from './problem-of.ts'
import { makeOpenApi, type OpenApiDocument } from './openapi.ts'
import { ApiProblem } from './problem.ts'
import { Defects } from './defects.ts'
import type { App, Room, Routes } from './room.ts'
import { accountRoutes } from './routes/account.ts'
import { attackRoutes } from './routes/attacks.ts'
import { backupRoutes } from './routes/backup.ts'
import { auditRoutes } from './routes/audit.ts'
import { banRoutes } from './routes/bans.ts'
import { checkIpRoutes } from './routes/check-ip.ts'
import { connectionRoutes } from './routes/connections.ts'
import { configRoutes } from './routes/config.ts'
import { configUpstreamRoutes } from './routes/config-upstreams.ts'
import { dashboardRoutes } from './routes/dashboard.ts'
import { doctorRoutes } from './routes/doctor.ts'
import { exposureRoutes } from './routes/exposure.ts'
import { goliveRoutes } from './routes/golive.ts'
import { listRoutes } from './routes/lists.ts'
import { keptListRoutes } from './routes/kept-lists.ts'
import { liveRoutes } from './routes/live.ts'
import { nodeRoutes } from './routes/node.ts'
import { notificationRoutes } from './routes/notifications.ts'
import { reloadRoutes } from './routes/reload.ts'
import { signalRoutes } from './routes/signals.ts'
import { seriesRoutes } from './routes/series.ts'
import { sessionRoutes } from './routes/session.ts'
import { tokenRoutes } from './routes/tokens.ts'
import { upgradeRoutes } from './routes/upgrade.ts'
import { upstreamStateRoutes } from './routes/upstream-state.ts'
import { userRoutes } from './routes/users.ts'

/** One group of capabilities, one line here. */
const ROUTES: readonly Routes[] = [
  nodeRoutes,
  liveRoutes,
  upstreamStateRoutes,
  listRoutes,
  keptListRoutes,
  banRoutes,
  signalRoutes,
  checkIpRoutes,
  attackRoutes,
  doctorRoutes,
  seriesRoutes,
  connectionRoutes,
  notificationRoutes,
  reloadRoutes,
  configRoutes,
  configUpstreamRoutes,
  upgradeRoutes,
  goliveRoutes,
  exposureRoutes,
  backupRoutes,
  sessionRoutes,
  accountRoutes,
  userRoutes,
  tokenRoutes,
  auditRoutes,
  dashboardRoutes,
]

/** Nothing of ours runs from, is framed by, or tells of itself to anywhere else. */
const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** What a request may send; routes that need more say so. */
export const BODY_BYTES_MAX = 4 * 1024
/** Names of services and upstreams, percent-encoded. */
const PARAMETER_CHARACTERS_MAX = 400

export type MakeServer = (handler: RequestListener) => Server

/** Takes requests as soon as its server listens. */
export async function makeApp(room: Room, makeServer: MakeServer): Promise<App> {
  const app = bareApp(makeServer, new Defects(room.onDefect))
  const paths = new KnownPaths()
  app.addHook('onRoute', (route) => paths.add(route))
  addHooks(app, room, paths)
  addRoutes(app, room)
  await app.ready()
  return app
}

function bareApp(makeServer: MakeServer, defects = new Defects(undefined)): App {
  const send = (error: Error, request: FastifyRequest, reply: FastifyReply): Promise<void> =>
    sendProblem(error, request, reply, defects)
  const app: App = Fastify({
    serverFactory: makeServer,
    bodyLimit: BODY_BYTES_MAX,
    routerOptions: { maxParamLength: PARAMETER_CHARACTERS_MAX },
    return503OnClosing: false,
    // A path that can't be read meets no hook.
    frameworkErrors: (error, request, reply) => {
      addSafeHeaders(reply)
      void send(error, request, reply)
    },
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  // That answers have the shapes of the contract is the compiler's business, and the tests'.
  app.setSerializerCompiler(() => (value) => `${JSON.stringify(value)}\n`)
  // Other types can be sent across sites without asking first (a form does).
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler(send)
  return app
}

function addRoutes(app: App, room: Room): void {
  for (const routes of ROUTES) routes(app, room)
  let document: Promise<OpenApiDocument> | undefined
  app.get(
    OPENAPI_PATH,
    {
      config: { role: 'open' },
      schema: { operationId: 'openapi', summary: 'This document.', tags: ['node'] },
    },
    () => (document ??= makeOpenApi(bareApp(createServer), room.node.version, (bare) => addRoutes(bare, room))),
  )
}

function addHooks(app: App, room: Room, paths: KnownPaths): void {
  app.decorateRequest('identity', undefined)
  app.decorateRequest('auditDetails', '')
  app.addHook('onRequest', async (request) => {
    requireOwnHost(request.raw, [...(room.actions.hosts?.() ?? []), ...room.ownNames()])
    requireOwnOrigin(request.raw)
    if (request.is404) throw paths.problemOf(request)
    request.identity = await identify(request, room.access, isLook(request))
    requireProofOfPage(request.raw, request.identity)
    requireRole(request, room.access)
    if (couldUnban(request.identity)) room.actions.bans.noteAdminClient(request.socket.remoteAddress ?? '')
  })
  app.addHook('onSend', async (request, reply) => {
    addSafeHeaders(reply)
    // A body that nobody has read ends with the connection.
    if (!request.raw.complete) reply.header('connection', 'close')
  })
  app.addHook('onResponse', async (request, reply) => {
    const { audit: action } = request.routeOptions.config
    // Those nobody knows could fill the log.
    if (typeof action !== 'string' || request.identity === undefined) return
    const from = request.socket.remoteAddress ?? 'unknown'
    const { who } = request.identity
    room.audit({
      who,
      from,
      action,
      target: pathOf(request.raw),
      details: request.auditDetails,
      status: reply.statusCode,
    })
  })
}

function addSafeHeaders(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(SAFE_HEADERS)) {
    if (!reply.hasHeader(name)) reply.header(name, value)
  }
}

/** They are not banned. A vantage with a token for one service is: it must not fill the places of those who administer. */
function couldUnban(identity: Identity | undefined): boolean {
  return identity !== undefined && identity.services === undefined && isAtLeast(identity.role, 'operator')
}

async function sendProblem(
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply,
  defects: Defects,
): Promise<void> {
  const problem = asProblem(error, request)
  if (problem.code === 'E_INTERNAL') defects.note(error, `${request.method} ${request.routeOptions.url ?? ''}`)
  if (problem.allow !== undefined) reply.header('allow', problem.allow)
  if (problem.retryAfterMs !== undefined) reply.header('retry-after', String(Math.ceil(problem.retryAfterMs / 1000)))
  await reply
    .status(problem.status)
    .type('application/problem+json')
    .send(Buffer.from(`${JSON.stringify(problem.body())}\n`))
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0]
}

/** The paths there are, for those who ask for another. */
class KnownPaths {
  readonly #methods = new Map<string, Set<string>>()

  /** Throws for a route that forgot who may use it, or what the audit log calls it. */
  add({ url, method, config }: RouteOptions): void {
    const methods = [method].flat()
    if (config?.role === undefined) throw new Error(`${url} has no role`)
    if (config.audit === undefined && methods.some((one) => one !== 'GET' && one !== 'HEAD')) {
      throw new Error(`${url} changes something and has no name in the audit log`)
    }
    const known = this.#methods.get(url) ?? new Set()
    for (const one of methods) known.add(one)
    this.#methods.set(url, known)
  }

  problemOf(request: FastifyRequest): ApiProblem {
    const path = pathOf(request.raw)
    const found = [...this.#methods].find(([url]) => patternOf(url).test(path))
    if (found === undefined) {
      return new ApiProblem('E_NOT_FOUND', `There is ${[...this.#methods.keys()].sort().join(', ')}.`)
    }
    const methods = [...found[1]]
    return new ApiProblem('E_METHOD', `${path} takes ${methods.join(', ')}.`, { allow: methods.join(', ') })
  }
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => (part.startsWith(':') ? '[^/]+' : part.replaceAll('.', String.raw`\.`)))
  return new RegExp(`^${parts.join('/')}$`)
}
