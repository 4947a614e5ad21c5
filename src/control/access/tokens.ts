/** Keys for programs: `tdg_…`, shown once, with a role, perhaps for some services only and until a time. */
import { randomBytes } from 'node:crypto'
import type { AccessStore, StoredToken } from './access-store.ts'
import type { Identity, Role } from './identity.ts'
import { newSecret, SECRET_PATTERN, sha256 } from './secrets.ts'

/** In the name of each token, so that a leaked one is recognised for what it is. */
const PREFIX = 'tdg_'
const FORM = new RegExp(`^${PREFIX}${SECRET_PATTERN}$`)
/** So often it is written that a token is in use. */
const NOTE_USE_EVERY_MS = 60_000

export interface NewToken {
  readonly name: string
  readonly role: Role
  readonly services: readonly string[] | null
  /** Null: for good. */
  readonly ttlMs: number | null
  readonly by: string
}

export class Tokens {
  readonly #store: AccessStore['tokens']
  readonly #nowMs: () => number

  constructor(store: AccessStore['tokens'], nowMs: () => number) {
    this.#store = store
    this.#nowMs = nowMs
  }

  async list(): Promise<StoredToken[]> {
    return await this.#store.list()
  }

  /** `secret` is told once: it is not kept. Throws what the store throws for a name that is taken. */
  async add({ ttlMs, ...asked }: NewToken): Promise<{ readonly token: StoredToken; readonly secret: string }> {
    const secret = PREFIX + newSecret()
    const id = randomBytes(8).toString('hex')
    const createdMs = this.#nowMs()
    const expiresMs = ttlMs === null ? null : createdMs + ttlMs
    const token = { ...asked, id, hash: sha256(secret), createdMs, expiresMs, lastUsedMs: null }
    await this.#store.add(token)
    return { token, secret }
  }

  /** By id or name; undefined where there is none. */
  async remove(idOrName: string): Promise<StoredToken | undefined> {
    const found = (await this.#store.list()).find(({ id, name }) => id === idOrName || name === idOrName)
    return found !== undefined && (await this.#store.remove(found.id)) ? found : undefined
  }

  async identify(text: string): Promise<Identity | undefined> {
    if (!FORM.test(text)) return undefined
    const token = await this.#store.findByHash(sha256(text))
    const nowMs = this.#nowMs()
    if (token === undefined || (token.expiresMs !== null && token.expiresMs <= nowMs)) return undefined
    if ((token.lastUsedMs ?? 0) + NOTE_USE_EVERY_MS <= nowMs) await this.#store.noteUse(token.id, nowMs)
    const who = `token ${token.name}`
    const identity = { who, kind: 'token', role: token.role } as const
    return token.services === null ? identity : { ...identity, services: token.services }
  }
}
