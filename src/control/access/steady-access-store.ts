/**
 * The store, and what access goes on with while it is off: users and tokens as they were seen last, and sessions that
 * begin and end meanwhile. What must outlive the daemon (a new user, another password) is refused until it is back.
 */
import {
  type AccessStore,
  isStoreTrouble,
  type StoredSession,
  type StoredToken,
  type StoredUser,
  type UserChanges,
} from './access-store.ts'
import { keyOf, MemoryAccessStore } from './memory-access-store.ts'

/** Ended while the store was off, and perhaps still in it. */
const ENDED_MAX = 10_000
/** So often it is tried to end them there, too. */
const HAND_OVER_EVERY_MS = 10_000

export class SteadyAccessStore implements AccessStore {
  readonly users: AccessStore['users']
  readonly sessions: AccessStore['sessions']
  readonly tokens: AccessStore['tokens']
  readonly audit: AccessStore['audit']

  constructor(store: AccessStore) {
    const memory = new MemoryAccessStore()
    this.users = steadyUsers(store, memory)
    this.sessions = new SteadySessions(store.sessions)
    this.tokens = steadyTokens(store, memory)
    this.audit = store.audit
  }

  /** What there is, for when the store goes off later. Throws what the store throws. */
  async remember(): Promise<void> {
    await this.users.list()
    await this.tokens.list()
  }
}

/** From the store; from memory while it is in trouble. */
async function orFromMemory<Result>(ask: () => Promise<Result>, remembered: () => Promise<Result>): Promise<Result> {
  try {
    return await ask()
  } catch (error) {
    if (isStoreTrouble(error)) return await remembered()
    throw error
  }
}

/** Changes that outlive the daemon need the store; when somebody logged in last, and used steps, do not. */
function steadyUsers({ users }: AccessStore, memory: MemoryAccessStore): AccessStore['users'] {
  const seen = (name: string, user: StoredUser | undefined): StoredUser | undefined => {
    memory.users.mirror(name, user)
    return user
  }
  const readAgain = async (name: string): Promise<void> => void seen(name, await users.find(name))
  return {
    find: (name) =>
      orFromMemory(
        async () => seen(name, await users.find(name)),
        () => memory.users.find(name),
      ),
    list: () =>
      orFromMemory(
        async () => {
          const list = await users.list()
          for (const user of list) seen(user.name, user)
          return list
        },
        () => memory.users.list(),
      ),
    // Not from memory: without the store nobody can say that there is no user yet.
    count: () => users.count(),
    add: async (user) => {
      await users.add(user)
      seen(user.name, user)
    },
    addFirst: async (user) => {
      const isFirst = await users.addFirst(user)
      if (isFirst) seen(user.name, user)
      return isFirst
    },
    update: async (name, changes: UserChanges) => {
      const isFound = await users.update(name, changes)
      await readAgain(name).catch(() => memory.users.update(name, changes))
      return isFound
    },
    remove: async (name) => {
      const isFound = await users.remove(name)
      seen(name, undefined)
      return isFound
    },
    useTotpStep: async (name, step) => {
      // In both: a code that was used before the store went off is used up after.
      const isNew = await memory.users.useTotpStep(name, step)
      return (
        isNew &&
        (await orFromMemory(
          () => users.useTotpStep(name, step),
          async () => true,
        ))
      )
    },
  }
}

class SteadySessions {
  readonly #store: AccessStore['sessions']
  /** Those that the store had; for when it goes off. */
  readonly #seen = new MemoryAccessStore().sessions
  /** Those that began while it was off. */
  readonly #begun = new MemoryAccessStore().sessions
  /** Hashes of those that ended while the store was off. */
  readonly #ended = new Set<string>()
  /** Users whose sessions of before this time ended while it was off. */
  readonly #endedByUser = new Map<string, { readonly atMs: number; readonly exceptHash: string }>()
  #nextHandOverMs = -Infinity

  constructor(store: AccessStore['sessions']) {
    this.#store = store
  }

  async find(hash: string, nowMs: number): Promise<StoredSession | undefined> {
    this.#handOverEnds(nowMs)
    if (this.#ended.has(hash)) return undefined
    const session = await orFromMemory(
      async () => (await this.#fromStore(hash, nowMs)) ?? (await this.#handedOver(hash, nowMs)),
      async () => (await this.#begun.find(hash, nowMs)) ?? (await this.#seen.find(hash, nowMs)),
    )
    return session === undefined || this.#isEnded(session) ? undefined : session
  }

  async ofUser(user: string, nowMs: number): Promise<StoredSession[]> {
    const begun = await this.#begun.ofUser(user, nowMs)
    const others = await orFromMemory(
      () => this.#store.ofUser(user, nowMs),
      () => this.#seen.ofUser(user, nowMs),
    )
    return [...begun, ...others].filter((session) => !this.#ended.has(session.hash) && !this.#isEnded(session))
  }

  async add(session: StoredSession): Promise<void> {
    await orFromMemory(
      () => this.#store.add(session),
      () => this.#begun.add(session),
    )
  }

  async touch(hash: string, nowMs: number, expiresMs: number): Promise<void> {
    await this.#begun.touch(hash, nowMs, expiresMs)
    await this.#seen.touch(hash, nowMs, expiresMs)
    await orFromMemory(
      () => this.#store.touch(hash, nowMs, expiresMs),
      async () => {},
    )
  }

  async remove(hash: string): Promise<boolean> {
    const wasBegun = await this.#begun.remove(hash)
    const wasSeen = await this.#seen.remove(hash)
    return await orFromMemory(
      async () => (await this.#store.remove(hash)) || wasBegun,
      async () => {
        this.#ended.add(hash)
        if (this.#ended.size > ENDED_MAX) this.#ended.delete(this.#ended.values().next().value!)
        return wasBegun || wasSeen
      },
    )
  }

  async removeOfUser(user: string, exceptHash = ''): Promise<number> {
    const begun = await this.#begun.removeOfUser(user, exceptHash)
    await this.#seen.removeOfUser(user, exceptHash)
    return await orFromMemory(
      async () => begun + (await this.#store.removeOfUser(user, exceptHash)),
      async () => {
        this.#endedByUser.set(keyOf(user), { atMs: Date.now(), exceptHash })
        return begun
      },
    )
  }

  async #fromStore(hash: string, nowMs: number): Promise<StoredSession | undefined> {
    const session = await this.#store.find(hash, nowMs)
    if (session !== undefined) await this.#seen.add(session)
    return session
  }

  /** The store is back: it takes over what began without it. */
  async #handedOver(hash: string, nowMs: number): Promise<StoredSession | undefined> {
    const session = await this.#begun.find(hash, nowMs)
    if (session === undefined) return undefined
    await this.#store.add(session)
    await this.#begun.remove(hash)
    return session
  }

  /** A restart would bring them back. Nobody waits for it. */
  #handOverEnds(nowMs: number): void {
    if (this.#ended.size + this.#endedByUser.size === 0 || nowMs < this.#nextHandOverMs) return
    this.#nextHandOverMs = nowMs + HAND_OVER_EVERY_MS
    // Where the store is still off it is tried again.
    void this.#endInStore(nowMs).catch(() => {})
  }

  async #endInStore(nowMs: number): Promise<void> {
    for (const hash of this.#ended) {
      await this.#store.remove(hash)
      this.#ended.delete(hash)
    }
    for (const [user, ended] of this.#endedByUser) {
      for (const session of await this.#store.ofUser(user, nowMs)) {
        if (this.#isEnded(session)) await this.#store.remove(session.hash)
      }
      if (this.#endedByUser.get(user) === ended) this.#endedByUser.delete(user)
    }
  }

  #isEnded({ user, createdMs, hash }: StoredSession): boolean {
    const ended = this.#endedByUser.get(keyOf(user))
    return ended !== undefined && createdMs <= ended.atMs && hash !== ended.exceptHash
  }
}

function steadyTokens({ tokens }: AccessStore, memory: MemoryAccessStore): AccessStore['tokens'] {
  const list = async (): Promise<StoredToken[]> => {
    const all = await tokens.list()
    memory.tokens.mirror(all)
    return all
  }
  return {
    findByHash: (hash) =>
      orFromMemory(
        () => tokens.findByHash(hash),
        () => memory.tokens.findByHash(hash),
      ),
    list: () => orFromMemory(list, () => memory.tokens.list()),
    add: async (token) => {
      await tokens.add(token)
      await memory.tokens.add(token)
    },
    remove: async (id) => {
      const isFound = await tokens.remove(id)
      await memory.tokens.remove(id)
      return isFound
    },
    noteUse: (id, atMs) =>
      orFromMemory(
        () => tokens.noteUse(id, atMs),
        () => memory.tokens.noteUse(id, atMs),
      ),
  }
}
