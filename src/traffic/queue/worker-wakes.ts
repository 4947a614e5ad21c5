/**
 * Wakes any worker from any thread: by its eventfd where its loop waits in epoll_wait (an fd belongs to the whole
 * process), by a word of shared memory where it waits in Node's event loop.
 */
import { wake } from '../../kernel/wake.ts'

/** Int32 places of a worker. `fd` is one more than the fd: 0 is none. */
const PLACE = { fd: 0, calls: 1 } as const
const PLACES = 2

export class WorkerWakes {
  readonly #ints: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#ints = new Int32Array(memory)
  }

  static bytes(workers: number): number {
    return workers * PLACES * 4
  }

  /** From now on the worker is woken by its eventfd. */
  useFd(workerIndex: number, fd: number): void {
    Atomics.store(this.#ints, workerIndex * PLACES + PLACE.fd, fd + 1)
  }

  /**
   * The caller makes sure that the worker has not closed its eventfd: the number may be somebody else's by then. A
   * worker with a client in a queue has not, and can't while that queue is locked (shared-queue.ts).
   */
  wake(workerIndex: number): void {
    const at = workerIndex * PLACES
    Atomics.add(this.#ints, at + PLACE.calls, 1)
    const fd = Atomics.load(this.#ints, at + PLACE.fd) - 1
    if (fd >= 0) wake(fd)
    else Atomics.notify(this.#ints, at + PLACE.calls)
  }

  /** Calls `woken` after each time the worker was woken, as long as it answers true. For workers without an eventfd. */
  async onWake(workerIndex: number, woken: () => boolean): Promise<void> {
    const at = workerIndex * PLACES + PLACE.calls
    let seen = Atomics.load(this.#ints, at)
    for (;;) {
      // A wait does not keep the thread alive: it ends with its last handle.
      const { async, value } = Atomics.waitAsync(this.#ints, at, seen)
      if (async) await value
      seen = Atomics.load(this.#ints, at)
      if (!woken()) return
    }
  }
}
