/** The users: what an admin may change of them. One admin who can log in is always left; the store sees to it. */
import { AccessError } from './access-error.ts'
import type { AccessStore, StoredUser, UserChanges } from './access-store.ts'
import type { Role } from './identity.ts'
import type { LoginLimits } from './login-limits.ts'
import { passwordProblem, type Passwords } from './passwords.ts'
import type { Sessions } from './sessions.ts'

const NAME_FORM = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/
/** What the audit log calls others. */
const NAMES_OF_OURS: ReadonlySet<string> = new Set(['local', 'unknown', 'tidegate'])

export interface AskedChange {
  readonly role?: Role | undefined
  readonly isDisabled?: boolean | undefined
  readonly password?: string | undefined
  /** The second factor is gone, for a user who has lost theirs. */
  readonly withoutSecondFactor?: boolean | undefined
}

export interface UsersParts {
  readonly store: AccessStore
  readonly passwords: Passwords
  readonly sessions: Sessions
  readonly limits: LoginLimits
  readonly nowMs: () => number
}

export class Users {
  readonly #parts: UsersParts

  constructor(parts: UsersParts) {
    this.#parts = parts
  }

  async list(): Promise<StoredUser[]> {
    return await this.#parts.store.users.list()
  }

  /** Undefined where the store can't say. */
  async isNobodyYet(): Promise<boolean | undefined> {
    return await this.#parts.store.users.count().then(
      (count) => count === 0,
      () => undefined,
    )
  }

  /** Throws AccessError for a name or password that won't do. */
  async add(name: string, password: string, role: Role): Promise<StoredUser> {
    const user = await this.#make(name, password, role)
    await this.#parts.store.users.add(user)
    return user
  }

  /** The first admin. Throws AccessError when somebody was there before. */
  async addFirst(name: string, password: string): Promise<StoredUser> {
    // They are logged in right away.
    const user = { ...(await this.#make(name, password, 'admin')), lastLoginMs: this.#parts.nowMs() }
    if (await this.#parts.store.users.addFirst(user)) return user
    throw new AccessError('E_CONFLICT', 'There is a user already; log in, or ask an admin.')
  }

  /** Sessions of before end, as they may be those of somebody else. Throws AccessError for a user that is not there. */
  async change(name: string, { role, isDisabled, password, withoutSecondFactor }: AskedChange): Promise<StoredUser> {
    const { store, sessions, limits } = this.#parts
    const user = await this.find(name)
    const changes: { -readonly [Key in keyof UserChanges]: UserChanges[Key] } = {}
    if (role !== undefined) changes.role = role
    if (isDisabled !== undefined) changes.isDisabled = isDisabled
    if (withoutSecondFactor === true) changes.totpSecret = null
    if (password !== undefined) changes.passwordHash = await this.#hash(password, user.name)
    await store.users.update(user.name, changes)
    if (password !== undefined) limits.forgive(user.name)
    await sessions.endAll(user.name)
    return { ...user, ...changes }
  }

  /** Throws AccessError for a user that is not there. */
  async remove(name: string): Promise<void> {
    const user = await this.find(name)
    await this.#parts.store.users.remove(user.name)
    await this.#parts.sessions.endAll(user.name)
  }

  async find(name: string): Promise<StoredUser> {
    const user = await this.#parts.store.users.find(name)
    if (user !== undefined) return user
    throw new AccessError('E_NOT_FOUND', `There is no user ${JSON.stringify(name)}.`)
  }

  async #make(name: string, password: string, role: Role): Promise<StoredUser> {
    if (!NAME_FORM.test(name)) {
      throw new AccessError(
        'E_REQUEST',
        'name: expected 1 to 64 letters of a-z, digits, . _ @ and -, a letter or digit first.',
      )
    }
    if (NAMES_OF_OURS.has(name.toLowerCase())) {
      throw new AccessError('E_REQUEST', `name: ${name} is what the audit log calls somebody else.`)
    }
    return {
      name,
      passwordHash: await this.#hash(password, name),
      role,
      totpSecret: null,
      createdMs: this.#parts.nowMs(),
      lastLoginMs: null,
      isDisabled: false,
    }
  }

  async #hash(password: string, name: string): Promise<string> {
    const problem = passwordProblem(password, name)
    if (problem !== undefined) throw new AccessError('E_REQUEST', `The password ${problem}.`)
    return await this.#parts.passwords.hash(password)
  }
}
