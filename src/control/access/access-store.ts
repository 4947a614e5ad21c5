/** What access needs of the store: users, sessions, tokens and the audit log, kept over restarts. What each call does, the tables say. */
import type { Clients } from '../store/all-tables.ts'

export type {
  AuditEntry as StoredAudit,
  AuditFilter,
  AuditPage,
  NewAuditEntry as NewStoredAudit,
} from '../store/tables/audit.ts'
export type { Session as StoredSession } from '../store/tables/sessions.ts'
export type { Token as StoredToken } from '../store/tables/tokens.ts'
export type { User as StoredUser, UserChanges } from '../store/tables/users.ts'

/** Calls reject with an error whose `code` is E_STORE_…; those of REFUSALS are about the call, all others about the store. */
export type AccessStore = Pick<Clients, 'users' | 'sessions' | 'tokens' | 'audit'>

/** What the store refuses of one call, and is well. */
const REFUSALS: ReadonlySet<string> = new Set(['E_STORE_EXISTS', 'E_STORE_VALUE', 'E_STORE_LAST_ADMIN'])

export function storeCodeOf(error: unknown): string | undefined {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' && code.startsWith('E_STORE_') ? code : undefined
}

/** The store can't be read or written now. */
export function isStoreTrouble(error: unknown): boolean {
  const code = storeCodeOf(error)
  return code !== undefined && !REFUSALS.has(code)
}

/** The call was refused for what it asked. */
export function isStoreRefusal(error: unknown): boolean {
  return REFUSALS.has(storeCodeOf(error) ?? '')
}
