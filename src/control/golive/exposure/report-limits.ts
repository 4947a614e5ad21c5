/** How many reports one sender may bring in: all of them share the places there are. */

/** 100 upstreams, each every 20 minutes. */
export const REPORTS_PER_HOUR_MAX = 300
const HOUR_MS = 3_600_000

/** So many came from there already. */
export class TooManyReportsError extends Error {
  override readonly name = 'TooManyReportsError'
  readonly retryAfterMs: number

  constructor(who: string, retryAfterMs: number) {
    super(`${who} has sent ${REPORTS_PER_HOUR_MAX} reports within an hour; send the next one later.`)
    this.retryAfterMs = retryAfterMs
  }
}

export class ReportLimits {
  #begunMs = -Infinity
  /** There are no more senders than users and tokens. */
  readonly #countByWho = new Map<string, number>()

  /** Throws TooManyReportsError. */
  take(who: string, nowMs: number): void {
    if (nowMs - this.#begunMs >= HOUR_MS || nowMs < this.#begunMs) {
      this.#begunMs = nowMs
      this.#countByWho.clear()
    }
    const count = (this.#countByWho.get(who) ?? 0) + 1
    if (count > REPORTS_PER_HOUR_MAX) throw new TooManyReportsError(who, this.#begunMs + HOUR_MS - nowMs)
    this.#countByWho.set(who, count)
  }
}
