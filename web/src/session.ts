/** Who is logged in. A 401 on any request means: nobody any more; the login page comes up, and leads back. */
import { signal } from '@preact/signals'
import type { RoleWord, SessionAnswer } from '../../src/api/contract.ts'
import { ask, get, onLoggedOut } from './api.ts'
import { stopLive } from './live.ts'

const PATH = '/api/v1/session'

/** Undefined until the first answer has come. */
export const session = signal<SessionAnswer | undefined>(undefined)
/** Why there is no answer. */
export const sessionProblem = signal<string | undefined>(undefined)

const NOBODY: SessionAnswer = { identity: null, setUpNeeded: false, recoveryCodesLeft: null }
const ROLES: readonly RoleWord[] = ['viewer', 'operator', 'admin']

onLoggedOut(() => {
  if (session.value?.identity === null) return
  useSession(NOBODY)
})

export async function loadSession(): Promise<void> {
  try {
    useSession(await get<SessionAnswer>(PATH))
    sessionProblem.value = undefined
  } catch (error) {
    sessionProblem.value = (error as Error).message
  }
}

/** Throws ApiError. */
export async function logIn(name: string, password: string, code: string): Promise<void> {
  useSession(await ask<SessionAnswer>('POST', PATH, { name, password, ...(code === '' ? {} : { code }) }))
}

/** Throws ApiError. */
export async function setUp(secret: string, name: string, password: string): Promise<void> {
  useSession(await ask<SessionAnswer>('POST', '/api/v1/setup', { secret, name, password }))
}

/** Throws ApiError. */
export async function logOut(): Promise<void> {
  useSession(await ask<SessionAnswer>('DELETE', PATH))
}

/** Whether who is logged in may do what this role may. */
export function may(role: RoleWord): boolean {
  const own = session.value?.identity?.role
  return own !== undefined && ROLES.indexOf(own) >= ROLES.indexOf(role)
}

let lastWho: string | undefined

function useSession(answer: SessionAnswer): void {
  const who = answer.identity?.who
  // What one user has seen, or begun to write, is not for the next: all of it begins anew.
  if (who !== undefined && lastWho !== undefined && who !== lastWho) return location.reload()
  lastWho = who ?? lastWho
  if (who === undefined) stopLive()
  session.value = answer
}
