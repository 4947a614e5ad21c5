/** A client that finds all places taken, where the service has a queue (queue/waiting-room.ts). Part of the dial station. */
import { monotonicMs } from '../../lib/clock.ts'
import { FULL } from '../balance/choose.ts'
import { SERVICE, SERVICE_STRIDE } from '../counters.ts'
import type { MonotonicMs } from '../node-wide.ts'
import { NO_ENTRY } from '../queue/shared-queue.ts'
import { type Comer, WAITS } from '../queue/waiting-room.ts'
import type { Connection } from './connection.ts'
import type { Callable } from './traffic-worker.ts'

/** An Int32 in shared memory, and none of the negative ones. */
const OWNERS = 2 ** 31

export class Wait {
  readonly #connection: Connection
  readonly #callable: Callable
  readonly #owner: number
  #entry = NO_ENTRY
  #sinceMs: MonotonicMs = 0

  constructor(connection: Connection, callable: Callable) {
    this.#connection = connection
    this.#callable = callable
    this.#owner = connection.sequence % OWNERS
  }

  get isOn(): boolean {
    return this.#entry !== NO_ENTRY
  }

  deadlineMs(): MonotonicMs {
    return this.isOn ? this.#sinceMs + this.#connection.service.queue.timeoutMs : Infinity
  }

  /** A candidate, or WAITS, or why there is neither. */
  choose(): number {
    const { worker, service, failedAttempts, attempts } = this.#connection
    const hasQueue = service.queue.max > 0
    if (this.#connection.hasServicePlace) {
      // One that has dialled already came before all who wait.
      if (!hasQueue || attempts > 0 || !worker.room.isAnyoneWaiting(service)) {
        const hash = this.#connection.clientHash()
        const choice = worker.chooser.choose(service, failedAttempts, hash, monotonicMs(), this.knownPlace())
        if (choice !== FULL || !hasQueue) return choice
      }
      this.#connection.givePlacesBack('both')
    }
    return this.#join()
  }

  #join(): number {
    const { worker } = this.#connection
    const nowMs = monotonicMs()
    const choice = worker.room.join(this.#comer(), this.#owner, this.#connection.queueTicket, nowMs)
    if (choice >= 0) this.#connection.hasServicePlace = true
    if (choice !== WAITS) return choice
    this.#entry = worker.room.entry
    this.#connection.queueTicket = worker.room.ticket
    this.#sinceMs = nowMs
    worker.waiting.set(this.#owner, this.#callable)
    worker.schedule(this.#connection)
    return WAITS
  }

  /** The client was called: a place may be free. A candidate, or WAITS, or NONE. */
  answer(): number {
    const choice = this.#connection.worker.room.answer(this.#comer(), this.#entry, monotonicMs())
    if (choice === WAITS) return WAITS
    this.#connection.hasServicePlace = choice >= 0
    this.#noteEnd()
    return choice
  }

  leave(): void {
    if (!this.isOn) return
    this.#connection.worker.room.leave(this.#connection.service, this.#entry)
    this.#noteEnd()
  }

  #noteEnd(): void {
    const { worker, service } = this.#connection
    const { services } = worker.counters
    const waitedMs = monotonicMs() - this.#sinceMs
    const at = service.index * SERVICE_STRIDE
    this.#entry = NO_ENTRY
    worker.waiting.delete(this.#owner)
    if (this.#connection.queueMs === -1) {
      this.#connection.queueMs = 0
      services[at + SERVICE.queued] += 1
    }
    this.#connection.queueMs += waitedMs
    services[at + SERVICE.queueMsSum] += waitedMs
  }

  #comer(): Comer {
    const { service, clientEnd, failedAttempts } = this.#connection
    const { address, family } = clientEnd
    const known = this.knownPlace()
    return { service, addressBytes: address, addressAt: 0, family, tried: failedAttempts, known }
  }

  /** Where the client was before, or -1. */
  knownPlace(): number {
    const { worker, service, clientEnd } = this.#connection
    return worker.affinity.placeOf(service, clientEnd.address, 0, clientEnd.family, monotonicMs())
  }
}
