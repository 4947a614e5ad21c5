/** Behind relay: one side has failed. Delivers what it had sent, then resets the other side. */
import { monotonicMs } from '../../lib/clock.ts'
import type { CloseReason } from '../close-reason.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { Connection } from './connection.ts'
import type { Flow } from './relay.ts'
import { Station } from './station.ts'

/** How long a receiver may take for the bytes that wait in user space. */
export const FLUSH_MS_MAX = 10_000
/**
 * A reset throws away what the kernel has not delivered yet, and node:net can't ask how much that is (SIOCOUTQ): bytes
 * get the time that a receiver of one MiB a second takes for them (`Flow.deliveredMs`), and a few round trips.
 */
export const DELIVERY_MS = 250

export class Flush extends Station {
  readonly kind = 'flush'
  readonly #connection: Connection
  readonly #flow: Flow
  readonly #reason: CloseReason
  readonly #startedMs = monotonicMs()

  /** `flow` is the one that comes from the failed side. */
  constructor(connection: Connection, flow: Flow, reason: CloseReason) {
    super()
    this.#connection = connection
    this.#flow = flow
    this.#reason = reason
  }

  override start(): void {
    // Nobody takes any more what it sends.
    this.#flow.to.pause()
    this.#flow.carryRest()
    this.expire(this.#startedMs)
  }

  deadlineMs(): MonotonicMs {
    const lastMs = this.#startedMs + FLUSH_MS_MAX
    if (this.#flow.to.destroyed) return this.#startedMs
    return this.#flow.to.writableLength > 0 ? lastMs : Math.min(this.#flow.deliveredMs + DELIVERY_MS, lastMs)
  }

  override expire(nowMs: MonotonicMs): void {
    if (this.deadlineMs() <= nowMs) this.#connection.end(this.#reason)
  }

  override takeDrain(): void {
    this.#flow.moveOn()
    this.#connection.worker.schedule(this.#connection)
  }

  override takeFinish(): void {
    this.takeDrain()
  }

  override takeFailure(): void {
    this.#connection.end(this.#reason)
  }
}
