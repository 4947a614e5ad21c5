/** /api/v1/account: what users see and change of their own. */
import { z } from 'zod'
import type { Access } from '../../control/access/access.ts'
import type { StoredSession } from '../../control/access/access-store.ts'
import {
  ACCESS_PATHS,
  Nobody,
  PasswordChangeRequest,
  Problem,
  RecoveryCodesAnswer,
  SecondFactorAnswer,
  SecondFactorCodeRequest,
  SecondFactorRequest,
  SessionsAnswer,
} from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import { type App, askedBy, type Room } from '../room.ts'
import { clearSessionCookie, setSessionCookie } from '../session-cookie.ts'
import { addressOf } from './session.ts'

const tags = ['account']
/** Of a session's hash: enough to tell a user's sessions apart. */
const ID_CHARACTERS = 16
const Done = z.object({ done: z.literal(true) })
const DONE = { done: true } as const

export function accountRoutes(app: App, { access }: Room): void {
  addSessions(app, access)
  addPassword(app, access)
  addSecondFactor(app, access)
  addSecondFactorEnd(app, access)
}

function addSessions(app: App, access: Access): void {
  app.get(
    ACCESS_PATHS.ownSessions,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'ownSessions',
        summary: 'Where you are logged in.',
        tags,
        response: { 200: SessionsAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      const identity = askedBy(request)
      const { name } = await access.userOf(identity)
      const sessions = await access.account.sessionsOf(name)
      return { sessions: sessions.map((session) => viewOf(session, identity.sessionHash)) }
    },
  )
  app.delete(
    ACCESS_PATHS.ownSessions,
    {
      config: { role: 'viewer', audit: 'logout.everywhere' },
      schema: {
        operationId: 'logOutEverywhere',
        summary: 'Ends all of your sessions, this one too.',
        tags,
        body: Nobody,
        response: { 200: Done, '4xx': Problem },
      },
    },
    async (request, reply) => {
      const { name } = await access.userOf(askedBy(request))
      await access.sessions.endAll(name)
      clearSessionCookie(request, reply)
      return DONE
    },
  )
  app.delete(
    ACCESS_PATHS.ownSession,
    {
      config: { role: 'viewer', audit: 'logout.session' },
      schema: {
        operationId: 'endOwnSession',
        summary: 'Ends one of your sessions.',
        tags,
        params: z.object({ id: z.string() }),
        body: Nobody,
        response: { 200: Done, '4xx': Problem },
      },
    },
    async (request) => {
      const { name } = await access.userOf(askedBy(request))
      const found = (await access.account.sessionsOf(name)).find(({ hash }) => idOf(hash) === request.params.id)
      if (found === undefined) throw new ApiProblem('E_NOT_FOUND', 'You have no such session, or it has ended.')
      await access.sessions.end(found.hash)
      return DONE
    },
  )
}

function addPassword(app: App, access: Access): void {
  app.put(
    ACCESS_PATHS.ownPassword,
    {
      config: { role: 'viewer', audit: 'account.password' },
      schema: {
        operationId: 'changeOwnPassword',
        summary: 'Changes your password; all other sessions of yours end.',
        tags,
        body: PasswordChangeRequest,
        response: { 200: Done, '4xx': Problem },
      },
    },
    async (request, reply) => {
      const user = await access.userOf(askedBy(request))
      const { from, to } = request.body
      const session = await access.account.changePassword(user, from, to, addressOf(request))
      setSessionCookie(request, reply, session)
      return DONE
    },
  )
}

function addSecondFactor(app: App, access: Access): void {
  app.post(
    ACCESS_PATHS.secondFactor,
    {
      config: { role: 'viewer', audit: 'account.second-factor.begin' },
      schema: {
        operationId: 'beginSecondFactor',
        summary: 'A secret for an authenticator app; a code of it, by PUT, turns the second factor on.',
        tags,
        body: SecondFactorRequest,
        response: { 200: SecondFactorAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      const user = await access.userOf(askedBy(request))
      return await access.account.beginSecondFactor(user, request.body.password, addressOf(request))
    },
  )
  app.put(
    ACCESS_PATHS.secondFactor,
    {
      config: { role: 'viewer', audit: 'account.second-factor.on' },
      schema: {
        operationId: 'confirmSecondFactor',
        summary: 'Turns your second factor on, and tells the recovery codes, once.',
        tags,
        body: SecondFactorCodeRequest,
        response: { 200: RecoveryCodesAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      const user = await access.userOf(askedBy(request))
      return { recoveryCodes: await access.account.confirmSecondFactor(user, request.body.code) }
    },
  )
}

function addSecondFactorEnd(app: App, access: Access): void {
  app.delete(
    ACCESS_PATHS.secondFactor,
    {
      config: { role: 'viewer', audit: 'account.second-factor.off' },
      schema: {
        operationId: 'endSecondFactor',
        summary: 'Turns your second factor off.',
        tags,
        body: SecondFactorRequest,
        response: { 200: Done, '4xx': Problem },
      },
    },
    async (request) => {
      const user = await access.userOf(askedBy(request))
      await access.account.endSecondFactor(user, request.body.password, addressOf(request))
      return DONE
    },
  )
}

function viewOf({ hash, address, createdMs, lastSeenMs }: StoredSession, own: string | undefined) {
  return {
    id: idOf(hash),
    isThis: hash === own,
    from: address,
    since: new Date(createdMs).toISOString(),
    lastSeen: new Date(lastSeenMs).toISOString(),
  }
}

function idOf(hash: string): string {
  return hash.slice(0, ID_CHARACTERS)
}
