/**
 * Refused clients whose sockets stay open, unread, for a while (`refuse: tarpit`): each is one the sender has to hold too.
 * A fixed number of places, each of which also takes one of the node's, so that files never run out for it.
 */
import type { Fd } from '../../kernel/libc.ts'
import type { MonotonicMs } from '../node-wide.ts'

/** Sockets are looked for so often at most, and may stay so much longer than asked. */
const LOOK_EVERY_MS = 50

export class TarPit {
  readonly #fds: Int32Array
  readonly #dueMs: Float64Array
  #count = 0
  /** When the first is due; Infinity without any. */
  #nextMs = Infinity

  constructor(places: number) {
    this.#fds = new Int32Array(places)
    this.#dueMs = new Float64Array(places)
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === this.#fds.length
  }

  /** The caller has made sure that it is not full. */
  keep(fd: Fd, untilMs: MonotonicMs): void {
    this.#fds[this.#count] = fd
    this.#dueMs[this.#count] = untilMs
    this.#count++
    this.#nextMs = Math.min(this.#nextMs, untilMs)
  }

  /** Until some are due; -1 when there are none. */
  untilNextMs(nowMs: MonotonicMs): number {
    if (this.#count === 0) return -1
    return Math.max(Math.ceil(this.#nextMs - nowMs), 0)
  }

  /** One that is due, taken out; -1 when there is none. To be called until then. */
  takeDue(nowMs: MonotonicMs): Fd {
    if (nowMs < this.#nextMs) return -1
    let nextMs = Infinity
    for (let i = 0; i < this.#count; i++) {
      if (this.#dueMs[i] <= nowMs) return this.#takeOut(i)
      nextMs = Math.min(nextMs, this.#dueMs[i])
    }
    this.#nextMs = Math.max(nextMs, nowMs + LOOK_EVERY_MS)
    return -1
  }

  #takeOut(place: number): Fd {
    const fd = this.#fds[place]
    this.#count--
    this.#fds[place] = this.#fds[this.#count]
    this.#dueMs[place] = this.#dueMs[this.#count]
    return fd
  }
}
