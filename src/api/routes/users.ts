/** /api/v1/users: who may log in. */
import { z } from 'zod'
import type { Access } from '../../control/access/access.ts'
import type { StoredUser } from '../../control/access/access-store.ts'
import { ACCESS_PATHS, NewUserRequest, Nobody, Problem, UserChangeRequest, UsersAnswer, UserView } from '../contract.ts'
import { type App, askedBy, type Room } from '../room.ts'
import { setSessionCookie } from '../session-cookie.ts'
import { addressOf } from './session.ts'

const tags = ['users']
const Params = z.object({ name: z.string() })

export function userRoutes(app: App, { access }: Room): void {
  addListing(app, access)
  addAdding(app, access)
  addChanging(app, access)
  addRemoving(app, access)
}

function addListing(app: App, access: Access): void {
  app.get(
    ACCESS_PATHS.users,
    {
      config: { role: 'admin' },
      schema: {
        operationId: 'listUsers',
        summary: 'The users, by name.',
        tags,
        response: { 200: UsersAnswer, '4xx': Problem },
      },
    },
    async () => ({ users: (await access.users.list()).map(viewOf) }),
  )
}

function addAdding(app: App, access: Access): void {
  app.post(
    ACCESS_PATHS.users,
    {
      config: { role: 'admin', audit: 'users.add' },
      schema: {
        operationId: 'addUser',
        summary: 'Adds a user.',
        tags,
        body: NewUserRequest,
        response: { 201: UserView, '4xx': Problem },
      },
    },
    async (request, reply) => {
      const { name, password, role } = request.body
      request.auditDetails = `${name} as ${role}`
      const user = await access.users.add(name, password, role)
      return reply.status(201).send(viewOf(user))
    },
  )
}

function addChanging(app: App, access: Access): void {
  app.patch(
    ACCESS_PATHS.user,
    {
      config: { role: 'admin', audit: 'users.change' },
      schema: {
        operationId: 'changeUser',
        summary: "Changes a user's role or password, disables or enables them; their sessions end.",
        tags,
        params: Params,
        body: UserChangeRequest,
        response: { 200: UserView, '4xx': Problem },
      },
    },
    async (request, reply) => {
      const { role, disabled: isDisabled, password, secondFactor } = request.body
      request.auditDetails = told(request.body)
      const identity = askedBy(request)
      const user = await access.users.change(request.params.name, {
        role,
        isDisabled,
        password,
        withoutSecondFactor: secondFactor === false,
      })
      // Those who change themselves go on, under a new id.
      if (identity.kind === 'user' && identity.who === user.name && !user.isDisabled) {
        setSessionCookie(request, reply, await access.account.renew(user.name, addressOf(request)))
      }
      return viewOf(user)
    },
  )
}

function addRemoving(app: App, access: Access): void {
  app.delete(
    ACCESS_PATHS.user,
    {
      config: { role: 'admin', audit: 'users.remove' },
      schema: {
        operationId: 'removeUser',
        summary: 'Removes a user; their sessions end.',
        tags,
        params: Params,
        body: Nobody,
        response: { 200: UsersAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      await access.users.remove(request.params.name)
      return { users: (await access.users.list()).map(viewOf) }
    },
  )
}

/** Never the password. */
function told({ role, disabled, password, secondFactor }: UserChangeRequest): string {
  const parts = [
    role === undefined ? '' : `role ${role}`,
    disabled === undefined ? '' : disabled ? 'disabled' : 'enabled',
    password === undefined ? '' : 'another password',
    secondFactor === undefined ? '' : 'without second factor',
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function viewOf({ name, role, isDisabled, totpSecret, createdMs, lastLoginMs }: StoredUser): UserView {
  return {
    name,
    role,
    disabled: isDisabled,
    secondFactor: totpSecret !== null,
    since: new Date(createdMs).toISOString(),
    lastLogin: lastLoginMs === null ? null : new Date(lastLoginMs).toISOString(),
  }
}
