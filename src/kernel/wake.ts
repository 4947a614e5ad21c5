/**
 * Wakes a worker that waits in epoll_wait. An eventfd takes 8 bytes by plain write(2), so this needs no FFI.
 */
import { writeSync } from 'node:fs'

/** The number 1 in 8 bytes: eventfd adds it to its counter, in the machine's byte order [eventfd(2)]. */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer)

/** False when the eventfd is gone, that is, the worker has ended. */
export function wake(eventFd: number): boolean {
  try {
    writeSync(eventFd, ONE)
    return true
  } catch (error) {
    // EAGAIN: the counter is full, so a wake-up is pending already.
    return (error as NodeJS.ErrnoException).code === 'EAGAIN'
  }
}
