/** Questions about open connections that workers have not answered yet. */
import type { ConnectionLook, LookAnswer } from '../../traffic/connection-look.ts'
import type { WorkerCommand } from '../../traffic/events.ts'

/** A worker answers within some turns of its loop; one that says nothing for so long hangs, or ends. */
export const LOOK_TIMEOUT_MS = 5_000

export class LookError extends Error {
  override readonly name = 'LookError'
}

export class ConnectionLooks {
  readonly #waiting = new Map<number, PromiseWithResolvers<LookAnswer>>()
  readonly #timeoutMs: number
  #lastId = 0

  constructor(timeoutMs = LOOK_TIMEOUT_MS) {
    this.#timeoutMs = timeoutMs
  }

  /** Throws LookError when no answer comes in time. */
  async ask(post: (command: WorkerCommand) => void, look: ConnectionLook): Promise<LookAnswer> {
    const id = ++this.#lastId
    const answer = Promise.withResolvers<LookAnswer>()
    this.#waiting.set(id, answer)
    const seconds = this.#timeoutMs / 1000
    const timer = setTimeout(
      () => answer.reject(new LookError(`A worker did not tell of its connections in ${seconds} s. Try again.`)),
      this.#timeoutMs,
    )
    try {
      post({ kind: 'look', id, look })
      return await answer.promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(id)
    }
  }

  /** One that comes too late is nobody's. */
  takeAnswer(id: number, answer: LookAnswer): void {
    this.#waiting.get(id)?.resolve(answer)
  }
}
