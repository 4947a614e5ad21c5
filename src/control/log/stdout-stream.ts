/** Stdout as a stream that never blocks a thread; `process.stdout` does for pipes, files and terminals [Node: process I/O]. */
import { constants, fstatSync, openSync, write } from 'node:fs'
import { Socket } from 'node:net'
import { Writable } from 'node:stream'

/** How often a terminal that takes nothing (Ctrl-S) is asked again. */
const RETRY_MS = 50
const STDOUT_FD = 1

export function openStdout(): Writable {
  const kind = fstatSync(STDOUT_FD)
  if (kind.isFIFO()) return pipeStream(openAgain())
  if (kind.isSocket()) return pipeStream(STDOUT_FD)
  return new FileStream(kind.isFile() ? STDOUT_FD : openAgain())
}

/** With readiness from the event loop: a busy reader of a pipe is written to as soon as it has room. */
function pipeStream(fd: number): Writable {
  const socket = new Socket({ fd, readable: false, writable: true })
  // The log alone may not keep the process alive.
  socket.unref()
  return socket
}

/** An open file description of our own: non-blocking mode on the inherited one would surprise who shares it with us. */
function openAgain(): number {
  try {
    return openSync(`/proc/self/fd/${STDOUT_FD}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return STDOUT_FD
  }
}

/**
 * A file or terminal, written by Node's thread pool. A write that blocks there would keep the process from exiting,
 * so a terminal is opened non-blocking and asked again.
 */
class FileStream extends Writable {
  readonly #fd: number

  constructor(fd: number) {
    super({ decodeStrings: true })
    this.#fd = fd
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    write(this.#fd, chunk, 0, chunk.length, null, (error, written) => {
      if (error === null && written === chunk.length) done()
      else if (error === null) this._write(chunk.subarray(written), _encoding, done)
      else if (error.code === 'EAGAIN') setTimeout(() => this._write(chunk, _encoding, done), RETRY_MS).unref()
      else done(error)
    })
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'utf8', done)
  }
}
