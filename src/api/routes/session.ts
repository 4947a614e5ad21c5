/** Logging in and out, and the first admin: session, set-up and set-up link. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Access } from '../../control/access/access.ts'
import type { StoredUser } from '../../control/access/access-store.ts'
import { recoveryCodesLeft } from '../../control/access/account.ts'
import type { Identity } from '../../control/access/identity.ts'
import type { BegunSession } from '../../control/access/sessions.ts'
import {
  ACCESS_PATHS,
  LoginRequest,
  Nobody,
  Problem,
  SessionAnswer,
  SetUpLinkAnswer,
  SetUpRequest,
} from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import { type App, askedBy, type Room } from '../room.ts'
import { clearSessionCookie, setSessionCookie } from '../session-cookie.ts'

const tags = ['access']

export function sessionRoutes(app: App, { access }: Room): void {
  addSession(app, access)
  addLogin(app, access)
  addLogout(app, access)
  addSetUp(app, access)
}

function addSession(app: App, access: Access): void {
  app.get(
    ACCESS_PATHS.session,
    {
      config: { role: 'open' },
      schema: {
        operationId: 'session',
        summary: 'Who is logged in, if anybody.',
        tags,
        response: { 200: SessionAnswer },
      },
    },
    async ({ identity }) => answerFor(identity, access),
  )
}

function addLogin(app: App, access: Access): void {
  app.post(
    ACCESS_PATHS.session,
    {
      config: { role: 'open', audit: 'login' },
      schema: {
        operationId: 'logIn',
        summary: 'Logs a user in: the answer sets a cookie. With a second factor it needs a code, too.',
        tags,
        body: LoginRequest,
        response: { 200: SessionAnswer, '4xx': Problem },
      },
    },
    async (request, reply) => {
      const address = addressOf(request)
      const { user, session } = await access.login.logIn({ ...request.body, address })
      return await welcome(request, reply, access, user, session)
    },
  )
}

function addLogout(app: App, access: Access): void {
  app.delete(
    ACCESS_PATHS.session,
    {
      config: { role: 'viewer', audit: 'logout' },
      schema: {
        operationId: 'logOut',
        summary: 'Ends this session.',
        tags,
        response: { 200: SessionAnswer, '4xx': Problem },
      },
    },
    async (request, reply) => {
      const { sessionHash } = askedBy(request)
      if (sessionHash === undefined) throw new ApiProblem('E_REQUEST', 'There is no session to end: you sent a token.')
      await access.sessions.end(sessionHash)
      clearSessionCookie(request, reply)
      return await answerFor(undefined, access)
    },
  )
}

function addSetUp(app: App, access: Access): void {
  app.post(
    ACCESS_PATHS.setUp,
    {
      config: { role: 'open', audit: 'setup' },
      schema: {
        operationId: 'setUp',
        summary: 'Makes the first admin, with the secret of the set-up link, and logs them in.',
        tags,
        body: SetUpRequest,
        response: { 200: SessionAnswer, '4xx': Problem },
      },
    },
    async (request, reply) => {
      const { user, session } = await access.setUp({ ...request.body, address: addressOf(request) })
      return await welcome(request, reply, access, user, session)
    },
  )
  app.post(
    ACCESS_PATHS.setUpLink,
    {
      config: { role: 'admin', audit: 'setup-link' },
      schema: {
        operationId: 'setUpLink',
        summary: 'Makes a link to set up the first admin; the one before is over.',
        tags,
        body: Nobody,
        response: { 200: SetUpLinkAnswer, '4xx': Problem },
      },
    },
    async () => {
      const link = await access.setUpLink()
      if (link !== undefined) return { secret: link.secret, until: new Date(link.untilMs).toISOString() }
      throw new ApiProblem(
        'E_CONFLICT',
        'There is a user already, or the store is off. tidegate users password NAME gives a user another password.',
      )
    },
  )
}

async function welcome(
  request: FastifyRequest,
  reply: FastifyReply,
  access: Access,
  user: StoredUser,
  session: BegunSession,
): Promise<SessionAnswer> {
  // Whoever was logged in here before is not any more.
  if (request.identity?.sessionHash !== undefined) await access.sessions.end(request.identity.sessionHash)
  setSessionCookie(request, reply, session)
  // For the audit log: from now on it is known who this is.
  request.identity = { who: user.name, kind: 'user', role: user.role, sessionHash: session.hash }
  return await answerFor(request.identity, access)
}

async function answerFor(identity: Identity | undefined, access: Access): Promise<SessionAnswer> {
  if (identity === undefined) {
    return { identity: null, setUpNeeded: (await access.users.isNobodyYet()) === true, recoveryCodesLeft: null }
  }
  const { who, kind, role, services } = identity
  const left = kind === 'user' ? recoveryCodesLeft(await access.userOf(identity)) : undefined
  return {
    identity: { who, kind, role, ...(services === undefined ? {} : { services: [...services] }) },
    setUpNeeded: false,
    recoveryCodesLeft: left ?? null,
  }
}

export function addressOf({ socket }: FastifyRequest): string {
  return socket.remoteAddress ?? 'unknown'
}
