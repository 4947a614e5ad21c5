/** Questions to workers about whose a connection is, that are not answered yet. */
import type { FoundClient } from '../../traffic/events.ts'

/** Each has a worker look through all its connections; more are refused. */
export const QUESTIONS_MAX = 32
/** A worker answers in milliseconds; one that is lost never does. */
const ANSWER_TIMEOUT_MS = 2_000

export class ClientQuestions {
  readonly #open = new Map<number, (client: FoundClient | undefined) => void>()
  #last = 0

  get isFull(): boolean {
    return this.#open.size >= QUESTIONS_MAX
  }

  /** `post` sends the question; undefined where there is no such connection, or nobody says so in time. */
  ask(post: (question: number) => void): Promise<FoundClient | undefined> {
    const question = ++this.#last
    const { promise, resolve } = Promise.withResolvers<FoundClient | undefined>()
    const timer = setTimeout(() => resolve(undefined), ANSWER_TIMEOUT_MS)
    this.#open.set(question, resolve)
    post(question)
    return promise.finally(() => {
      clearTimeout(timer)
      this.#open.delete(question)
    })
  }

  take(question: number, client: FoundClient | undefined): void {
    this.#open.get(question)?.(client)
  }
}
