/** Errors that nobody expected: who asked is told the message, and the log has the stack, which a report needs. */

/** Of each route; whoever can bring one about can do so a thousand times a second. */
const SAY_EVERY_MS = 60_000

export type OnDefect = (error: Error, route: string) => void

export class Defects {
  readonly #say: OnDefect
  readonly #nowMs: () => number
  /** There are no more than routes. */
  readonly #saidMsByRoute = new Map<string, number>()

  constructor(say: OnDefect = () => {}, nowMs: () => number = Date.now) {
    this.#say = say
    this.#nowMs = nowMs
  }

  note(error: Error, route: string): void {
    const nowMs = this.#nowMs()
    if (nowMs - (this.#saidMsByRoute.get(route) ?? -Infinity) < SAY_EVERY_MS) return
    this.#saidMsByRoute.set(route, nowMs)
    this.#say(error, route)
  }
}
