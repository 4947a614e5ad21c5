/**
 * Passwords as argon2id hashes [RFC 9106]. A hash takes 19 MiB and some 20 ms of a core in libuv's threads, so a few are
 * made at once, a few wait, and whoever comes on top is turned away: guessing must not cost traffic its memory.
 */
import { AccessError } from './access-error.ts'

/** Half of libuv's threads; files and name lookups need the others. */
export const HASHES_AT_ONCE_MAX = 2
export const HASHES_WAITING_MAX = 16
const BUSY_RETRY_MS = 2_000
export const PASSWORD_CHARACTERS_MIN = 10
/** Longer ones cost more than they give. */
export const PASSWORD_CHARACTERS_MAX = 256
/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. */
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export class Passwords {
  #running = 0
  readonly #waiting: (() => void)[] = []
  #unknown: Promise<string> | undefined

  /** Throws AccessError (E_TOO_MANY) where too many wait. */
  hash(password: string): Promise<string> {
    return this.#inTurn(async () => (await argon2()).hash(normal(password), OPTIONS))
  }

  /** Takes as long for a user that is not there (undefined) as for a wrong password. Throws as `hash`. */
  async isRight(passwordHash: string | undefined, password: string): Promise<boolean> {
    const known = passwordHash ?? (await (this.#unknown ??= this.#hashOfNobody()))
    const isRight = await this.#inTurn(async () => {
      const { verify } = await argon2()
      return await verify(known, normal(password)).catch(() => false)
    })
    return isRight && passwordHash !== undefined
  }

  /** Before the first login: else the first unknown name would take twice as long. */
  async prepare(): Promise<void> {
    await (this.#unknown ??= this.#hashOfNobody())
  }

  async #hashOfNobody(): Promise<string> {
    return (await argon2()).hash('a password that nobody has', OPTIONS)
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= HASHES_AT_ONCE_MAX) {
      if (this.#waiting.length >= HASHES_WAITING_MAX) {
        throw new AccessError('E_TOO_MANY', 'Too many log in at once; try again in a moment.', BUSY_RETRY_MS)
      }
      // Who is woken takes the place of who woke them.
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else this.#running++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}

/** What is wrong with a new password, as the rest of a sentence; undefined for a good one. */
export function passwordProblem(password: string, user: string): string | undefined {
  const { length } = Array.from(password)
  if (length < PASSWORD_CHARACTERS_MIN) return `is too short; expected at least ${PASSWORD_CHARACTERS_MIN} characters`
  if (length > PASSWORD_CHARACTERS_MAX) return `is longer than ${PASSWORD_CHARACTERS_MAX} characters`
  if (new Set(password).size < 4) return 'is made of a few characters only; a few words do well'
  return normal(password).toLowerCase().includes(user.toLowerCase()) ? 'has the name of the user in it' : undefined
}

/** A daemon that nobody logs in to does not load it. */
function argon2(): Promise<typeof import('@node-rs/argon2')> {
  return import('@node-rs/argon2')
}

/** The same characters whatever the keyboard made of them [NIST SP 800-63B 5.1.1.2]. */
function normal(password: string): string {
  return password.normalize('NFKC')
}
