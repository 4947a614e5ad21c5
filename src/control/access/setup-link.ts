/** The secret with which the first user is made. It is in the log and nowhere else; of it only a hash is kept. */
import { isSame, newSecret, sha256 } from './secrets.ts'

export const SETUP_LINK_MS = 3_600_000

export class SetUpLink {
  readonly #nowMs: () => number
  #current: { readonly hash: string; readonly untilMs: number } | undefined

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
  }

  /** A new secret; the one before is over. */
  renew(): { readonly secret: string; readonly untilMs: number } {
    const secret = newSecret()
    const untilMs = this.#nowMs() + SETUP_LINK_MS
    this.#current = { hash: sha256(secret), untilMs }
    return { secret, untilMs }
  }

  isGivenBy(secret: string): boolean {
    const current = this.#current
    return current !== undefined && current.untilMs > this.#nowMs() && isSame(secret, current.hash)
  }

  end(): void {
    this.#current = undefined
  }
}
