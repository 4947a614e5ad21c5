/**
 * Pipes for splice, shared by all connections of a worker. A pipe is lent only while bytes are in flight and comes
 * back empty: one with bytes in it would hand them to another client, so it is closed instead.
 */
import { addressOf, close, F_SETPIPE_SZ, fcntl, O, pipe2 } from './libc.ts'
import type { Fd } from './libc.ts'
import { lowInts } from './low-memory.ts'

/** Wanted size of a pipe. Against the default 64 KiB this halves the CPU per byte (field measurements). */
const PIPE_BYTES = 512 * 1024

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

const fds = lowInts(2)
const fdsAt = addressOf(fds)

export class PipePool {
  readonly #free: Pipe[] = []
  readonly #pipesMax: number
  #open = 0

  constructor(pipesMax: number) {
    this.#pipesMax = pipesMax
  }

  get open(): number {
    return this.#open
  }

  /** An empty pipe, or undefined when the limit is reached or the kernel gives none: then bytes are copied. */
  take(): Pipe | undefined {
    return this.#free.pop() ?? this.#make()
  }

  #make(): Pipe | undefined {
    if (this.#open >= this.#pipesMax || pipe2(fdsAt, O.nonblock | O.cloexec) !== 0) return undefined
    // Refused beyond pipe-user-pages-soft for a user without rights; a small pipe still works.
    fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES)
    this.#open++
    return new Pipe(fds[0], fds[1])
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
    while (this.#free.length > keep) this.#close(this.#free.pop() as Pipe)
  }
}
