/**
 * An epoll set whose entries carry a 32-bit key.
 *
 *   struct epoll_event   x64 (packed): events u32 | data u64       arm64: events u32 | pad 4 | data u64
 */
import { addressOf, close, E, EPOLL, epollCreate1, epollCtl, epollWait, errno, errnoName } from './libc.ts'
import type { Fd } from './libc.ts'
import { lowInts } from './low-memory.ts'

const EVENT_INTS = process.arch === 'x64' ? 3 : 4
const KEY_INT = process.arch === 'x64' ? 1 : 2

/** Events taken by one wait. More does not pay: a turn with this many amortises the call well. */
const EVENTS_MAX = 512

export class Epoll {
  readonly #fd: Fd
  readonly #events = lowInts(EVENTS_MAX * EVENT_INTS)
  readonly #eventsAt = addressOf(this.#events)
  readonly #change = lowInts(EVENT_INTS)
  readonly #changeAt = addressOf(this.#change)

  constructor() {
    this.#fd = epollCreate1(EPOLL.cloexec)
    if (this.#fd < 0) throw new Error(`epoll_create1: ${errnoName(errno())}`)
  }

  /** 0, or the errno: ENOMEM and ENOSPC can happen under load. The fd leaves the set by being closed, if nobody else has the same file open. */
  add(fd: Fd, events: number, key: number): number {
    return this.#control(EPOLL.add, fd, events, key)
  }

  modify(fd: Fd, events: number, key: number): number {
    return this.#control(EPOLL.modify, fd, events, key)
  }

  /** For files that another process has inherited. One that is not in the set is no failure. */
  remove(fd: Fd): void {
    this.#control(EPOLL.remove, fd, 0, 0)
  }

  #control(operation: number, fd: Fd, events: number, key: number): number {
    this.#change[0] = events
    this.#change[KEY_INT] = key
    return epollCtl(this.#fd, operation, fd, this.#changeAt) === 0 ? 0 : errno()
  }

  /** How many events there are; read them with `key(i)` and `events(i)`. `timeoutMs` -1 waits for ever. */
  wait(timeoutMs: number): number {
    const count = epollWait(this.#fd, this.#eventsAt, EVENTS_MAX, timeoutMs)
    if (count >= 0) return count
    const code = errno()
    if (code !== E.EINTR) throw new Error(`epoll_wait: ${errnoName(code)}`)
    // Interrupted, perhaps by a long stop (SIGCONT): what happened meanwhile is there to be told.
    return Math.max(0, epollWait(this.#fd, this.#eventsAt, EVENTS_MAX, 0))
  }

  /** True when there may be more events than the last wait had room for. */
  isFull(count: number): boolean {
    return count === EVENTS_MAX
  }

  events(i: number): number {
    return this.#events[i * EVENT_INTS]
  }

  key(i: number): number {
    return this.#events[i * EVENT_INTS + KEY_INT]
  }

  /** Puts event `i` at an earlier place, over one that is done with. */
  moveUp(i: number, to: number): void {
    this.#events[to * EVENT_INTS] = this.#events[i * EVENT_INTS]
    this.#events[to * EVENT_INTS + KEY_INT] = this.#events[i * EVENT_INTS + KEY_INT]
  }

  close(): void {
    close(this.#fd)
  }
}
