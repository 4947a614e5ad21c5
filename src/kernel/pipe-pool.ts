/**
 * Pipes for splice, shared by all connections of a worker. A pipe is lent only while bytes are in flight and comes
 * back empty: one with bytes in it would hand them to another client, so it is closed instead.
 */
import { addressOf, close, F_GETPIPE_SZ, F_SETPIPE_SZ, fcntl, O, pipe2 } from './libc.ts'
import type { Fd } from './libc.ts'
import { lowInts } from './low-memory.ts'

/** Wanted size of a pipe. Against the default 64 KiB this halves the CPU per byte (field measurements). */
export const PIPE_BYTES = 512 * 1024
/** In smaller ones a copy through user space costs less: a user beyond pipe-user-pages-soft gets 8 KiB [pipe(7)]. */
const PIPE_BYTES_MIN = 64 * 1024

export class Pipe {
  readonly readFd: Fd
  readonly writeFd: Fd
  /** Bytes in the pipe. */
  bytes = 0

  constructor(readFd: Fd, writeFd: Fd) {
    this.readFd = readFd
    this.writeFd = writeFd
  }
}

/** Refused beyond pipe-user-pages-soft or pipe-max-size for a user without rights; the pipe then keeps the size it has. */
export function setPipeBytes(fd: Fd): number {
  const bytes = fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES)
  return bytes > 0 ? bytes : fcntl(fd, F_GETPIPE_SZ, 0)
}

const fds = lowInts(2)
const fdsAt = addressOf(fds)

export class PipePool {
  readonly #free: Pipe[] = []
  readonly #pipesMax: number
  readonly #setBytes: (fd: Fd) => number
  /** The kernel gave a small one when so many were open; asked again after the next `trim`. */
  #givenMax = Infinity
  #open = 0

  /** `setBytes` makes a pipe the wanted size and says how large it is then. */
  constructor(pipesMax: number, setBytes = setPipeBytes) {
    this.#pipesMax = pipesMax
    this.#setBytes = setBytes
  }

  get open(): number {
    return this.#open
  }

  /** An empty pipe, or undefined when the limit is reached or the kernel gives none: then bytes are copied. */
  take(): Pipe | undefined {
    return this.#free.pop() ?? this.#make()
  }

  #make(): Pipe | undefined {
    if (this.#open >= Math.min(this.#pipesMax, this.#givenMax)) return undefined
    if (pipe2(fdsAt, O.nonblock | O.cloexec) !== 0) return undefined
    const pipe = new Pipe(fds[0], fds[1])
    this.#open++
    if (this.#setBytes(pipe.writeFd) >= PIPE_BYTES_MIN) return pipe
    this.#close(pipe)
    this.#givenMax = this.#open
    return undefined
  }

  giveBack(pipe: Pipe): void {
    if (pipe.bytes === 0) this.#free.push(pipe)
    else this.#close(pipe)
  }

  #close(pipe: Pipe): void {
    close(pipe.readFd)
    close(pipe.writeFd)
    this.#open--
  }

  /** Closes pipes that nobody uses, down to `keep`. */
  trim(keep: number): void {
    this.#givenMax = Infinity
    while (this.#free.length > keep) this.#close(this.#free.pop() as Pipe)
  }
}
