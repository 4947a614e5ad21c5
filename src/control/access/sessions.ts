/** Who is logged in with a browser. The cookie has a random id, the store its SHA-256. */
import type { AccessStore, StoredSession } from './access-store.ts'
import { newSecret, SECRET_PATTERN, sha256 } from './secrets.ts'

/** Without a request for so long a session is over; a dashboard that is only looked at makes none. */
export const SESSION_IDLE_MS = 12 * 3_600_000
/** However busy it is. */
export const SESSION_MS_MAX = 7 * 86_400_000
/** So often it is written that a session is in use. */
const TOUCH_EVERY_MS = 60_000
const ID_FORM = new RegExp(`^${SECRET_PATTERN}$`)

export interface BegunSession {
  /** For the cookie. */
  readonly id: string
  readonly hash: string
  readonly lastsMs: number
}

export class Sessions {
  readonly #store: AccessStore['sessions']
  readonly #nowMs: () => number

  constructor(store: AccessStore['sessions'], nowMs: () => number) {
    this.#store = store
    this.#nowMs = nowMs
  }

  /** Always with a new id: one that somebody else has put into the browser is worth nothing. */
  async begin(user: string, address: string): Promise<BegunSession> {
    const id = newSecret()
    const hash = sha256(id)
    const nowMs = this.#nowMs()
    await this.#store.add({
      hash,
      user,
      createdMs: nowMs,
      lastSeenMs: nowMs,
      expiresMs: nowMs + SESSION_IDLE_MS,
      address,
    })
    return { id, hash, lastsMs: SESSION_MS_MAX }
  }

  /** Undefined when it is over. `isUse` is false for a look that nobody asked for. */
  async find(id: string, isUse: boolean): Promise<StoredSession | undefined> {
    if (!ID_FORM.test(id)) return undefined
    const nowMs = this.#nowMs()
    const session = await this.#store.find(sha256(id), nowMs)
    if (session === undefined || session.createdMs + SESSION_MS_MAX <= nowMs) return undefined
    if (isUse && session.lastSeenMs + TOUCH_EVERY_MS <= nowMs) {
      const expiresMs = Math.min(nowMs + SESSION_IDLE_MS, session.createdMs + SESSION_MS_MAX)
      await this.#store.touch(session.hash, nowMs, expiresMs)
    }
    return session
  }

  /** The one that was used last is first. */
  async ofUser(user: string): Promise<StoredSession[]> {
    return await this.#store.ofUser(user, this.#nowMs())
  }

  async end(hash: string): Promise<boolean> {
    return await this.#store.remove(hash)
  }

  /** All of the user, or all but one. */
  async endAll(user: string, exceptHash?: string): Promise<number> {
    return await this.#store.removeOfUser(user, exceptHash)
  }
}
