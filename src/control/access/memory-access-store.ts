/** The same as the store, in memory alone: what access goes on with while the store is off, and for tests. */
import type {
  AccessStore,
  AuditFilter,
  AuditPage,
  NewStoredAudit,
  StoredAudit,
  StoredSession,
  StoredToken,
  StoredUser,
  UserChanges,
} from './access-store.ts'

const USERS_MAX = 1_000
const TOKENS_MAX = 1_000
const SESSIONS_MAX = 10_000
const AUDIT_MAX = 1_000

export class MemoryAccessStore implements AccessStore {
  readonly users = new MemoryUsers((user) => void this.sessions.removeOfUser(user))
  readonly sessions = new MemorySessions()
  readonly tokens = new MemoryTokens()
  readonly audit = new MemoryAudit()
}

class RefusedError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

class MemoryUsers {
  readonly #userByName = new Map<string, StoredUser>()
  readonly #totpStepByName = new Map<string, number>()
  readonly #onRemoved: (user: string) => void

  constructor(onRemoved: (user: string) => void) {
    this.#onRemoved = onRemoved
  }

  /** What the store has; undefined where it has none of the name. */
  mirror(name: string, user: StoredUser | undefined): void {
    if (user === undefined) this.#userByName.delete(keyOf(name))
    else this.#userByName.set(keyOf(name), user)
  }

  async find(name: string): Promise<StoredUser | undefined> {
    return this.#userByName.get(keyOf(name))
  }

  async list(): Promise<StoredUser[]> {
    return [...this.#userByName.values()].sort((a, b) => (keyOf(a.name) < keyOf(b.name) ? -1 : 1))
  }

  async count(): Promise<number> {
    return this.#userByName.size
  }

  async add(user: StoredUser): Promise<void> {
    if (this.#userByName.size >= USERS_MAX) {
      throw new RefusedError('E_STORE_VALUE', `There are ${USERS_MAX} users already; remove one first.`)
    }
    if (this.#userByName.has(keyOf(user.name))) {
      throw new RefusedError('E_STORE_EXISTS', `There is a user ${user.name} already; take another name.`)
    }
    this.#userByName.set(keyOf(user.name), user)
  }

  async addFirst(user: StoredUser): Promise<boolean> {
    if (this.#userByName.size > 0) return false
    await this.add(user)
    return true
  }

  async update(name: string, changes: UserChanges): Promise<boolean> {
    const user = this.#userByName.get(keyOf(name))
    if (user === undefined) return false
    this.#keepAnAdmin(user, { ...user, ...changes })
    this.#userByName.set(keyOf(name), { ...user, ...changes })
    return true
  }

  async remove(name: string): Promise<boolean> {
    const user = this.#userByName.get(keyOf(name))
    if (user === undefined) return false
    this.#keepAnAdmin(user, undefined)
    this.#userByName.delete(keyOf(name))
    this.#onRemoved(name)
    return true
  }

  /** Not begun anew with another secret: steps are times, and no two secrets need the same one. */
  async useTotpStep(name: string, step: number): Promise<boolean> {
    if (step <= (this.#totpStepByName.get(keyOf(name)) ?? -1)) return false
    this.#totpStepByName.set(keyOf(name), step)
    return true
  }

  #keepAnAdmin(before: StoredUser, after: StoredUser | undefined): void {
    if (!isAdmin(before) || (after !== undefined && isAdmin(after))) return
    if ([...this.#userByName.values()].some((user) => user !== before && isAdmin(user))) return
    throw new RefusedError(
      'E_STORE_LAST_ADMIN',
      `${before.name} is the last admin who can log in; make another one first.`,
    )
  }
}

function isAdmin({ role, isDisabled }: StoredUser): boolean {
  return role === 'admin' && !isDisabled
}

/** Names differ by more than case. */
export function keyOf(name: string): string {
  return name.toLowerCase()
}

class MemorySessions {
  readonly #sessionByHash = new Map<string, StoredSession>()

  async find(hash: string, nowMs: number): Promise<StoredSession | undefined> {
    const session = this.#sessionByHash.get(hash)
    return session !== undefined && session.expiresMs > nowMs ? session : undefined
  }

  async ofUser(user: string, nowMs: number): Promise<StoredSession[]> {
    return [...this.#sessionByHash.values()]
      .filter((session) => keyOf(session.user) === keyOf(user) && session.expiresMs > nowMs)
      .sort((a, b) => b.lastSeenMs - a.lastSeenMs)
  }

  async add(session: StoredSession): Promise<void> {
    // Those that were not used for the longest time are first.
    this.#sessionByHash.delete(session.hash)
    this.#sessionByHash.set(session.hash, session)
    if (this.#sessionByHash.size > SESSIONS_MAX) this.#sessionByHash.delete(this.#sessionByHash.keys().next().value!)
  }

  async touch(hash: string, nowMs: number, expiresMs: number): Promise<void> {
    const session = this.#sessionByHash.get(hash)
    if (session !== undefined) await this.add({ ...session, lastSeenMs: nowMs, expiresMs })
  }

  async remove(hash: string): Promise<boolean> {
    return this.#sessionByHash.delete(hash)
  }

  async removeOfUser(user: string, exceptHash = ''): Promise<number> {
    const gone = [...this.#sessionByHash.values()].filter(
      (session) => keyOf(session.user) === keyOf(user) && session.hash !== exceptHash,
    )
    for (const { hash } of gone) this.#sessionByHash.delete(hash)
    return gone.length
  }
}

class MemoryTokens {
  readonly #tokenById = new Map<string, StoredToken>()

  /** What the store has. */
  mirror(tokens: readonly StoredToken[]): void {
    this.#tokenById.clear()
    for (const token of tokens) this.#tokenById.set(token.id, token)
  }

  async findByHash(hash: string): Promise<StoredToken | undefined> {
    return [...this.#tokenById.values()].find((token) => token.hash === hash)
  }

  async list(): Promise<StoredToken[]> {
    return [...this.#tokenById.values()]
  }

  async add(token: StoredToken): Promise<void> {
    if (this.#tokenById.size >= TOKENS_MAX) {
      throw new RefusedError('E_STORE_VALUE', `There are ${TOKENS_MAX} tokens already; remove one first.`)
    }
    if ([...this.#tokenById.values()].some(({ id, name }) => id === token.name || name === token.name)) {
      throw new RefusedError('E_STORE_EXISTS', `There is a token ${token.name} already; take another name.`)
    }
    this.#tokenById.set(token.id, token)
  }

  async remove(id: string): Promise<boolean> {
    return this.#tokenById.delete(id)
  }

  async noteUse(id: string, atMs: number): Promise<void> {
    const token = this.#tokenById.get(id)
    if (token !== undefined) this.#tokenById.set(id, { ...token, lastUsedMs: atMs })
  }
}

class MemoryAudit {
  readonly #entries: StoredAudit[] = []
  #lastId = 0

  async add(entry: NewStoredAudit): Promise<number> {
    this.#entries.push({ ...entry, id: ++this.#lastId })
    if (this.#entries.length > AUDIT_MAX) this.#entries.shift()
    return this.#lastId
  }

  async list(filter: AuditFilter): Promise<AuditPage> {
    const { limit, before = Infinity, fromMs = -Infinity, toMs = Infinity } = filter
    const isWanted = (entry: StoredAudit): boolean =>
      entry.id < before &&
      entry.atMs >= fromMs &&
      entry.atMs < toMs &&
      (['who', 'action', 'target', 'result'] as const).every(
        (key) => filter[key] === undefined || filter[key] === entry[key],
      )
    const found = this.#entries.toReversed().filter(isWanted)
    const entries = found.slice(0, limit)
    return { entries, next: found.length > limit ? entries.at(-1)!.id : null }
  }
}
