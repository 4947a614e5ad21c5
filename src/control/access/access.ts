/** Who may use this node: from credentials to who it is, and everything about users. Knows nothing of HTTP. */
import { AccessError } from './access-error.ts'
import { Account } from './account.ts'
import type { AccessStore, StoredUser } from './access-store.ts'
import type { Identity } from './identity.ts'
import type { LocalToken } from './local-token.ts'
import { Login } from './login.ts'
import { LoginLimits } from './login-limits.ts'
import { MemoryAccessStore } from './memory-access-store.ts'
import { Passwords } from './passwords.ts'
import { Sessions, type BegunSession } from './sessions.ts'
import { SetUpLink } from './setup-link.ts'
import { Tokens } from './tokens.ts'
import { Users } from './users.ts'

export interface Credentials {
  /** Of `Authorization: Bearer`. */
  readonly token?: string | undefined
  /** Of the cookie. */
  readonly session?: string | undefined
  /** Nobody asked: it is only looked whether they still may. */
  readonly isLookOnly?: boolean
}

export interface AccessOptions {
  readonly store?: AccessStore
  readonly onFailedLogin?: (name: string, address: string) => void
  readonly nowMs?: () => number
}

const LOCAL: Identity = { who: 'local', kind: 'local', role: 'admin' }

export class Access {
  readonly users: Users
  readonly tokens: Tokens
  readonly account: Account
  readonly sessions: Sessions
  readonly login: Login
  readonly #localToken: LocalToken | undefined
  readonly #store: AccessStore
  readonly #limits: LoginLimits
  readonly #setUpLink: SetUpLink
  readonly #passwords = new Passwords()

  /** Where the local token is. */
  get localTokenFile(): string | undefined {
    return this.#localToken?.file
  }

  constructor(localToken: LocalToken | undefined, options: AccessOptions = {}) {
    const { store = new MemoryAccessStore(), onFailedLogin = () => {}, nowMs = Date.now } = options
    this.#localToken = localToken
    this.#store = store
    this.#limits = new LoginLimits(nowMs)
    this.#setUpLink = new SetUpLink(nowMs)
    this.sessions = new Sessions(store.sessions, nowMs)
    const parts = { store, passwords: this.#passwords, limits: this.#limits, sessions: this.sessions, nowMs }
    this.tokens = new Tokens(store.tokens, nowMs)
    this.users = new Users(parts)
    this.login = new Login({ ...parts, onFailed: onFailedLogin })
    this.account = new Account({ ...parts, login: this.login })
  }

  /** Undefined for who gives nothing, or nothing that is right. */
  async identify({ token, session, isLookOnly = false }: Credentials): Promise<Identity | undefined> {
    if (token !== undefined) {
      if (this.#localToken?.isGivenBy(token) === true) return LOCAL
      return await this.tokens.identify(token)
    }
    if (session === undefined) return undefined
    const found = await this.sessions.find(session, !isLookOnly)
    const user = found === undefined ? undefined : await this.#store.users.find(found.user)
    if (found === undefined || user === undefined || user.isDisabled) return undefined
    return { who: user.name, kind: 'user', role: user.role, sessionHash: found.hash }
  }

  /** A secret for the first user, good for an hour; undefined once there is a user, or where nobody can say. */
  async setUpLink(): Promise<{ readonly secret: string; readonly untilMs: number } | undefined> {
    return (await this.users.isNobodyYet()) === true ? this.#setUpLink.renew() : undefined
  }

  /** Makes the first admin, and logs them in. Throws AccessError. */
  async setUp(asked: { secret: string; name: string; password: string; address: string }) {
    const { secret, name, password, address } = asked
    const pauseMs = this.#limits.tryAddress(address)
    if (pauseMs > 0) {
      const seconds = Math.ceil(pauseMs / 1000)
      throw new AccessError('E_TOO_MANY', `Too many wrong tries from your address; try again in ${seconds} s.`, pauseMs)
    }
    if (!this.#setUpLink.isGivenBy(secret)) {
      throw new AccessError(
        'E_UNAUTHENTICATED',
        'The link is over, or was never one: it is good for an hour and for one user. tidegate setup-link makes another.',
      )
    }
    const user = await this.users.addFirst(name, password)
    this.#limits.noteSuccess({ name, address, isKnown: true })
    this.#setUpLink.end()
    const session: BegunSession = await this.sessions.begin(user.name, address)
    return { user, session }
  }

  /** Throws AccessError for who is no user. */
  async userOf({ who, kind }: Identity): Promise<StoredUser> {
    if (kind === 'user') return await this.users.find(who)
    throw new AccessError(
      'E_FORBIDDEN',
      `${who} is no user: only who is logged in by name and password has an account.`,
    )
  }
}
