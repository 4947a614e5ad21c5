/** What users change of their own: password, second factor, sessions. */
import { AccessError } from './access-error.ts'
import type { AccessStore, StoredSession, StoredUser } from './access-store.ts'
import type { Login } from './login.ts'
import { passwordProblem, type Passwords } from './passwords.ts'
import {
  newRecoveryCodes,
  newTotpSecret,
  readSecondFactor,
  recoveryHash,
  secondFactorText,
  stepOf,
  totpUri,
} from './second-factor.ts'
import type { BegunSession, Sessions } from './sessions.ts'

/** For scanning the code; then it has to be begun again. */
const ENROL_MS = 15 * 60_000
const ENROLMENTS_MAX = 1_000

export interface AccountParts {
  readonly store: AccessStore
  readonly passwords: Passwords
  readonly sessions: Sessions
  readonly login: Login
  readonly nowMs: () => number
}

export class Account {
  readonly #parts: AccountParts
  /** Secrets that were shown, and not confirmed by a code yet. */
  readonly #enrolments = new Map<string, { readonly secret: string; readonly untilMs: number }>()

  constructor(parts: AccountParts) {
    this.#parts = parts
  }

  sessionsOf(user: string): Promise<StoredSession[]> {
    return this.#parts.sessions.ofUser(user)
  }

  /** All other sessions end, and this one goes on under a new id. Throws AccessError. */
  async changePassword(user: StoredUser, from: string, to: string, address: string): Promise<BegunSession> {
    const { store, passwords, login } = this.#parts
    await login.confirmPassword(user, from, address)
    const problem = passwordProblem(to, user.name)
    if (problem !== undefined) throw new AccessError('E_REQUEST', `The new password ${problem}.`)
    await store.users.update(user.name, { passwordHash: await passwords.hash(to) })
    return await this.renew(user.name, address)
  }

  /** All sessions end; one begins. */
  async renew(user: string, address: string): Promise<BegunSession> {
    const session = await this.#parts.sessions.begin(user, address)
    await this.#parts.sessions.endAll(user, session.hash)
    return session
  }

  /** Throws AccessError. Nothing has changed until `confirmSecondFactor`. */
  async beginSecondFactor(user: StoredUser, password: string, address: string) {
    await this.#parts.login.confirmPassword(user, password, address)
    const secret = await newTotpSecret()
    this.#enrolments.delete(user.name)
    this.#enrolments.set(user.name, { secret, untilMs: this.#parts.nowMs() + ENROL_MS })
    if (this.#enrolments.size > ENROLMENTS_MAX) this.#enrolments.delete(this.#enrolments.keys().next().value!)
    return { secret, uri: await totpUri(secret, user.name) }
  }

  /** The recovery codes, told once. Throws AccessError. */
  async confirmSecondFactor(user: StoredUser, code: string): Promise<string[]> {
    const { store, nowMs } = this.#parts
    const enrolment = this.#enrolments.get(user.name)
    if (enrolment === undefined || enrolment.untilMs <= nowMs()) {
      throw new AccessError('E_CONFLICT', 'No second factor is being set up, or it took too long; begin again.')
    }
    const step = await stepOf(enrolment.secret, code, nowMs())
    if (step === undefined) {
      throw new AccessError('E_REQUEST', 'The code is wrong. Is the clock of the device right?')
    }
    const codes = newRecoveryCodes()
    const text = secondFactorText({ secret: enrolment.secret, recoveryHashes: codes.map(recoveryHash) })
    await store.users.update(user.name, { totpSecret: text })
    // Nobody who looked on may use it once more.
    await store.users.useTotpStep(user.name, step)
    this.#enrolments.delete(user.name)
    return codes
  }

  /** Throws AccessError. */
  async endSecondFactor(user: StoredUser, password: string, address: string): Promise<void> {
    await this.#parts.login.confirmPassword(user, password, address)
    await this.#parts.store.users.update(user.name, { totpSecret: null })
  }
}

/** Undefined without a second factor. */
export function recoveryCodesLeft({ totpSecret }: StoredUser): number | undefined {
  return totpSecret === null ? undefined : readSecondFactor(totpSecret).recoveryHashes.length
}
