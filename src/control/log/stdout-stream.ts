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
  return fileStream(kind.isFile() ? STDOUT_FD : openAgain())
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
function fileStream(fd: number): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => writeAll(fd, chunk, done),
    writev: (chunks, done) => writeAll(fd, Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), done),
  })
}

function writeAll(fd: number, bytes: Buffer, done: (error?: Error | null) => void): void {
  write(fd, bytes, 0, bytes.length, null, (error, written) => {
    if (error === null && written === bytes.length) done()
    else if (error === null) writeAll(fd, bytes.subarray(written), done)
    else if (error.code === 'EAGAIN') setTimeout(() => writeAll(fd, bytes, done), RETRY_MS).unref()
    else done(error)
  })
}
