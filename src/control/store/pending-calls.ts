/** What was asked of the thread and is not answered: in order, bounded, each with a deadline. */
import { StoreError } from './store-error.ts'
import type { StoreFailure } from './store-messages.ts'

/** Waiting for the thread at once. A call whose deadline is over still waits there, and counts. */
export const CALLS_MAX = 1_000

interface PendingCall {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: StoreError) => void
  readonly timer: NodeJS.Timeout
}

export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>()
  readonly #onLate: (error: StoreError) => void
  #lastId = 0

  constructor(onLate: (error: StoreError) => void) {
    this.#onLate = onLate
  }

  get count(): number {
    return this.#calls.size
  }

  /** Rejects at once when too many wait. `send` is given the call's number. */
  add<T>(deadlineMs: number, send: (id: number) => void): Promise<T> {
    if (this.#calls.size >= CALLS_MAX)
      return Promise.reject(
        new StoreError('E_STORE_BUSY', `${CALLS_MAX} calls wait for the store; try again in a moment.`),
      )
    return new Promise<T>((resolve, reject) => {
      const id = ++this.#lastId
      const timer = setTimeout(() => {
        const error = new StoreError('E_STORE_LATE', late(deadlineMs))
        reject(error)
        this.#onLate(error)
      }, deadlineMs)
      timer.unref()
      this.#calls.set(id, { resolve: resolve as (result: unknown) => void, reject, timer })
      try {
        send(id)
      } catch (error) {
        const message = `The store takes plain values only (${(error as Error).message}).`
        this.reject(id, { code: 'E_STORE_VALUE', message })
      }
    })
  }

  #take(id: number): PendingCall | undefined {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    clearTimeout(call?.timer)
    return call
  }

  resolve(id: number, result: unknown): void {
    this.#take(id)?.resolve(result)
  }

  reject(id: number, { code, message }: StoreFailure): void {
    this.#take(id)?.reject(new StoreError(code, message))
  }

  /** Nobody will answer them. */
  rejectAll(failure: StoreFailure): void {
    for (const id of this.#calls.keys()) this.reject(id, failure)
  }
}

function late(deadlineMs: number): string {
  return `The store did not answer within ${deadlineMs / 1000} s; what was asked for may still be done. Look at the disk of admin.stateDir.`
}
