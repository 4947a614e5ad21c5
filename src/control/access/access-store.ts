/** What access needs of the store: users, sessions, tokens and the audit log, kept over restarts. */
import type { Role } from './identity.ts'

export interface StoredUser {
  readonly name: string
  readonly passwordHash: string
  readonly role: Role
  /** What second-factor.ts makes of it; null: no second factor. */
  readonly totpSecret: string | null
  readonly createdMs: number
  readonly lastLoginMs: number | null
  readonly isDisabled: boolean
}
export type UserChanges = Partial<Omit<StoredUser, 'name' | 'createdMs'>>

export interface StoredSession {
  /** SHA-256 of its id, hex. */
  readonly hash: string
  readonly user: string
  readonly createdMs: number
  readonly lastSeenMs: number
  readonly expiresMs: number
  /** From where it was begun. */
  readonly address: string
}

export interface StoredToken {
  readonly id: string
  /** SHA-256 of the secret, hex. */
  readonly hash: string
  readonly name: string
  readonly role: Role
  /** Null: all services, and what belongs to none. */
  readonly services: readonly string[] | null
  readonly createdMs: number
  /** Null: for good. */
  readonly expiresMs: number | null
  readonly lastUsedMs: number | null
  /** Who made it. */
  readonly by: string
}

export interface NewStoredAudit {
  readonly atMs: number
  readonly who: string
  readonly from: string
  readonly action: string
  readonly target: string
  /** Anything JSON. */
  readonly details: unknown
  /** `done`, or what was answered instead. */
  readonly result: string
}
export interface StoredAudit extends NewStoredAudit {
  readonly id: number
}
export interface AuditFilter {
  readonly limit: number
  /** The `next` of the page before. */
  readonly before?: number | undefined
  readonly who?: string | undefined
  readonly action?: string | undefined
  readonly target?: string | undefined
  readonly result?: string | undefined
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}
export interface AuditPage {
  /** The newest first. */
  readonly entries: readonly StoredAudit[]
  /** Null on the last page. */
  readonly next: number | null
}

/** Calls reject with an error whose `code` is E_STORE_…; those of REFUSALS are about the call, all others about the store. */
export interface AccessStore {
  readonly users: {
    find: (name: string) => Promise<StoredUser | undefined>
    list: () => Promise<StoredUser[]>
    count: () => Promise<number>
    add: (user: StoredUser) => Promise<void>
    /** False where somebody was there before. */
    addFirst: (user: StoredUser) => Promise<boolean>
    /** False where there is none of the name. */
    update: (name: string, changes: UserChanges) => Promise<boolean>
    /** With the user's sessions. */
    remove: (name: string) => Promise<boolean>
    /** False where this step, or a later one, was used before. */
    useTotpStep: (name: string, step: number) => Promise<boolean>
  }
  readonly sessions: {
    find: (hash: string, nowMs: number) => Promise<StoredSession | undefined>
    ofUser: (user: string, nowMs: number) => Promise<StoredSession[]>
    add: (session: StoredSession) => Promise<void>
    touch: (hash: string, nowMs: number, expiresMs: number) => Promise<void>
    remove: (hash: string) => Promise<boolean>
    removeOfUser: (user: string, exceptHash?: string) => Promise<number>
  }
  readonly tokens: {
    findByHash: (hash: string) => Promise<StoredToken | undefined>
    list: () => Promise<StoredToken[]>
    add: (token: StoredToken) => Promise<void>
    remove: (id: string) => Promise<boolean>
    noteUse: (id: string, atMs: number) => Promise<void>
  }
  readonly audit: {
    list: (filter: AuditFilter) => Promise<AuditPage>
    add: (entry: NewStoredAudit) => Promise<number>
  }
}

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
