/**
 * Bulk: the kernel moves the bytes from socket to pipe to socket, and user space never sees them.
 * Only an empty pipe is filled: then EAGAIN can only mean that the socket is empty, not that the pipe is full.
 */
import { E, errno, splice, SPLICE_F } from '../../kernel/libc.ts'
import { FLAG } from './connection.ts'
import type { Half } from './connection.ts'
import { copyOnce, noteActivity, noteRead, noteReadError, preferNoDelay } from './copy.ts'
import { failWriting } from './failure.ts'
import type { Loop } from './loop.ts'
import { watch } from './watch.ts'

/** The most one direction holds in its pipe. */
const SPLICE_BYTES_MAX = 512 * 1024

/** Below this a copy is cheaper than two splices [HAProxy MIN_SPLICE_FORWARD]. */
const SPLICE_PAYS_FROM_BYTES = 4096
/** So many portions in a row that did not pay end the bulk. */
const SMALL_PORTIONS_TO_COPY = 4

const FLAGS = SPLICE_F.move | SPLICE_F.nonblock

/** Moves one portion; returns what it costs of the turn's budget. */
export function spliceOnce(loop: Loop, from: Half): number {
  const pipe = (from.pipe ??= loop.pipes.take() ?? null)
  if (pipe === null) return copyWithoutPipe(loop, from)
  const bytes = splice(from.fd, 0, pipe.writeFd, 0, SPLICE_BYTES_MAX, FLAGS)
  if (bytes > 0) {
    pipe.bytes = bytes
    noteRead(loop, from, bytes)
    noteWorth(from, bytes)
    flushPipe(loop, from)
    return Math.max(bytes, SPLICE_PAYS_FROM_BYTES)
  }
  // At an urgent mark splice says 0 for good, with bytes behind it: recv is asked whether this is the end.
  if (bytes === 0) from.flags &= ~FLAG.splicing
  else noteSpliceError(from, errno())
  giveEmptyPipeBack(loop, from)
  return SPLICE_PAYS_FROM_BYTES
}

/** All pipes are lent: copy in larger portions instead, and look for a pipe again after the next lull. */
function copyWithoutPipe(loop: Loop, from: Half): number {
  from.flags &= ~FLAG.splicing
  return copyOnce(loop, from)
}

function noteWorth(from: Half, bytes: number): void {
  if (bytes >= SPLICE_PAYS_FROM_BYTES) {
    from.streak = 0
  } else if (++from.streak >= SMALL_PORTIONS_TO_COPY) {
    from.flags &= ~FLAG.splicing
    from.streak = 0
  }
}

function noteSpliceError(from: Half, code: number): void {
  // A socket that can't splice (a kernel without it, an offload) is copied from now on.
  if (code === E.EINVAL || code === E.ENOSYS || code === E.EBADF) from.flags &= ~FLAG.splicing
  else noteReadError(from, code)
}

/** Sends what is in the pipe; true when it is empty. An empty pipe is given back as soon as its stream pauses. */
export function flushPipe(loop: Loop, from: Half): boolean {
  const { pipe, peer: to } = from
  if (pipe === null) return true
  preferNoDelay(to)
  while (pipe.bytes > 0) {
    const sent = splice(pipe.readFd, 0, to.fd, 0, pipe.bytes, FLAGS)
    if (sent > 0) {
      pipe.bytes -= sent
      noteActivity(loop, from.connection)
      continue
    }
    const code = sent < 0 ? errno() : E.EPIPE
    if (code === E.EINTR) continue
    to.flags &= ~FLAG.writable
    if (code === E.EAGAIN) watch(loop, to)
    else failWriting(to, code)
    return false
  }
  if (!from.has(FLAG.splicing)) giveEmptyPipeBack(loop, from)
  return true
}

export function giveEmptyPipeBack(loop: Loop, from: Half): void {
  if (from.pipe === null) return
  loop.pipes.giveBack(from.pipe)
  from.pipe = null
}
