/**
 * From name, password and code to a session. Whatever is wrong is told in the same words and after the same time: a
 * name that nobody has, a user who is disabled, an account that is guessed at.
 */
import { AccessError } from './access-error.ts'
import { type AccessStore, isStoreTrouble, type StoredUser } from './access-store.ts'
import { type Attempt, type LoginLimits, sourceOf } from './login-limits.ts'
import type { Passwords } from './passwords.ts'
import { readSecondFactor, secondFactorText, stepOf, withoutRecoveryCode } from './second-factor.ts'
import type { BegunSession, Sessions } from './sessions.ts'

const WRONG = 'Name or password is wrong, or there were too many wrong ones: then wait some minutes.'

export interface AskedLogin {
  readonly name: string
  readonly password: string
  /** Of the second factor, or a recovery code. */
  readonly code?: string | undefined
  readonly address: string
}

export interface LoginParts {
  readonly store: AccessStore
  readonly passwords: Passwords
  readonly limits: LoginLimits
  readonly sessions: Sessions
  /** Somebody was refused. */
  readonly onFailed: (name: string, address: string) => void
  readonly nowMs: () => number
}

export class Login {
  readonly #parts: LoginParts
  #lastRecovery: Promise<unknown> = Promise.resolve()

  constructor(parts: LoginParts) {
    this.#parts = parts
  }

  /** Throws AccessError. */
  async logIn(asked: AskedLogin): Promise<{ readonly user: StoredUser; readonly session: BegunSession }> {
    const { store, sessions, passwords, limits, nowMs } = this.#parts
    const { name, address } = asked
    this.#refusePaused(asked)
    const user = await store.users.find(name)
    // Else the first unknown name of all would take twice as long.
    await passwords.prepare()
    const attempt = {
      name,
      address,
      isKnown: user !== undefined,
      // Asked for names that nobody has as well: it takes its time.
      hasSessionThere: await this.#hasSession(name, address),
    }
    const isFree = limits.tryAccount(attempt)
    const isRight = await this.#isRight(user, asked.password, attempt)
    if (user === undefined || !isRight || user.isDisabled || !isFree) throw this.#failed(asked, WRONG)
    await this.#requireCode(user, asked, attempt)
    limits.noteSuccess(attempt)
    const session = await sessions.begin(user.name, address)
    if (!(await this.#isStill(user))) {
      await sessions.end(session.hash)
      throw this.#failed(asked, WRONG)
    }
    // When somebody logged in last is worth no refusal.
    await store.users.update(user.name, { lastLoginMs: nowMs() }).catch(ignoreTrouble)
    return { user, session }
  }

  /** Of who is logged in already and wants to change what is theirs. Throws AccessError. */
  async confirmPassword(user: StoredUser, password: string, address: string): Promise<void> {
    const { limits } = this.#parts
    const asked = { name: user.name, password, address }
    this.#refusePaused(asked)
    const attempt = { name: user.name, address, isKnown: true, hasSessionThere: true }
    const isFree = limits.tryAccount(attempt)
    if (!(await this.#isRight(user, password, attempt)) || !isFree) {
      this.#failed(asked, '')
      throw new AccessError(
        'E_FORBIDDEN',
        'Your password is wrong, or there were too many wrong ones: then wait some minutes.',
      )
    }
    limits.noteSuccess(attempt)
  }

  /** Who was changed since the password was looked at had all sessions ended, but for the one that began after that. */
  async #isStill(user: StoredUser): Promise<boolean> {
    const now = await this.#parts.store.users.find(user.name)
    return now !== undefined && now.passwordHash === user.passwordHash && !now.isDisabled
  }

  async #hasSession(user: string, address: string): Promise<boolean> {
    const sessions = await this.#parts.sessions.ofUser(user)
    return sessions.some((session) => sourceOf(session.address) === sourceOf(address))
  }

  #refusePaused(asked: AskedLogin): void {
    const pauseMs = this.#parts.limits.tryAddress(asked.address)
    if (pauseMs === 0) return
    this.#parts.onFailed(asked.name, asked.address)
    const seconds = Math.ceil(pauseMs / 1000)
    throw new AccessError('E_TOO_MANY', `Too many wrong logins from your address; try again in ${seconds} s.`, pauseMs)
  }

  async #isRight(user: StoredUser | undefined, password: string, attempt: Attempt): Promise<boolean> {
    try {
      return await this.#parts.passwords.isRight(user?.passwordHash, password)
    } catch (error) {
      this.#parts.limits.takeBack(attempt)
      throw error
    }
  }

  #failed({ name, address }: AskedLogin, sentence: string): AccessError {
    this.#parts.onFailed(name, address)
    return new AccessError('E_UNAUTHENTICATED', sentence)
  }

  async #requireCode(user: StoredUser, asked: AskedLogin, attempt: Attempt): Promise<void> {
    const { store, limits, nowMs } = this.#parts
    if (user.totpSecret === null) return
    const { code } = asked
    if (code === undefined || code === '') {
      // Not forgotten as after a success: else each right password would allow more guesses at the code.
      limits.takeBack(attempt)
      throw new AccessError('E_SECOND_FACTOR', 'Give the code of your second factor, too, or a recovery code.')
    }
    const factor = readSecondFactor(user.totpSecret)
    const step = await stepOf(factor.secret, code, nowMs())
    if (step !== undefined) {
      if (await store.users.useTotpStep(user.name, step)) return
      throw this.#wrongCode(asked, 'This code was used already; wait for the next one.')
    }
    const used = this.#lastRecovery.then(() => this.#useRecoveryCode(user.name, code))
    this.#lastRecovery = used.catch(() => {})
    if (!(await used)) throw this.#wrongCode(asked, 'The code is wrong.')
  }

  /** One after the other: of two that come at once with the same code the second finds it crossed out. */
  async #useRecoveryCode(name: string, code: string): Promise<boolean> {
    const { users } = this.#parts.store
    const text = (await users.find(name))?.totpSecret ?? null
    const left = text === null ? undefined : withoutRecoveryCode(readSecondFactor(text), code)
    if (left === undefined) return false
    // Throws where the store is off: a recovery code that can't be crossed out is not taken.
    return await users.update(name, { totpSecret: secondFactorText(left) })
  }

  #wrongCode({ name, address }: AskedLogin, sentence: string): AccessError {
    this.#parts.onFailed(name, address)
    return new AccessError('E_SECOND_FACTOR', sentence)
  }
}

function ignoreTrouble(error: unknown): void {
  if (!isStoreTrouble(error)) throw error
}
