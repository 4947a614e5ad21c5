/** Small data: one recv into the worker's buffer, one send out of it. What the receiver does not take waits in a spill. */
import { E, errno, MSG, recv, send } from '../../kernel/libc.ts'
import { OPTION, setInteger } from '../../kernel/socket-option.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import { FLAG, NUMBER, NUMBERS } from './connection.ts'
import { giveEmptyPipeBack } from './bulk.ts'
import type { Connection, Half } from './connection.ts'
import { countBytes, uncountBytes } from './end.ts'
import { failReading, failWriting } from './failure.ts'
import type { Loop } from './loop.ts'
import { SPILL_BYTES_MAX } from './spill-pool.ts'
import { watch } from './watch.ts'

/** One read of an ordinary connection, and so the most it holds in user space while its receiver is slow. */
export const COPY_BYTES = 16 * 1024

/** So many full reads in a row are bulk, which splice carries for a third of the CPU. */
const FULL_READS_TO_SPLICE = 2

/** A read costs this much of the turn's budget even when it yields little: tiny segments must not buy endless calls. */
const READ_COST_BYTES_MIN = 2048

/** Reads one portion of `from` and hands it to its peer; returns what it costs of the turn's budget. */
export function copyOnce(loop: Loop, from: Half): number {
  // Left over from splicing, and empty by now.
  if (from.pipe !== null) giveEmptyPipeBack(loop, from)
  if (!loop.spills.canHold()) return peekOnce(loop, from)
  const bytesMax = from.streak > FULL_READS_TO_SPLICE ? SPILL_BYTES_MAX : COPY_BYTES
  const bytes = readInto(loop, from, 0, bytesMax)
  if (bytes <= 0) return READ_COST_BYTES_MIN
  if (bytes < bytesMax) from.streak = 0
  else if (++from.streak === FULL_READS_TO_SPLICE && !from.has(FLAG.urgent)) from.flags |= FLAG.splicing
  sendOrSpill(loop, from, 0, bytes)
  return Math.max(bytes, READ_COST_BYTES_MIN)
}

/**
 * One recv into `loop.buffer` at `offset`. Returns the bytes, 0 when there are none for now or for ever; flags say which.
 * A short read means that the kernel had no more, so the EAGAIN or end that would follow is not asked for.
 */
export function readInto(loop: Loop, from: Half, offset: number, bytesMax: number): number {
  const bytes = recv(from.fd, loop.bufferAt + offset, bytesMax, 0)
  if (bytes > 0) {
    noteRead(loop, from, bytes)
    if (bytes < bytesMax) noteShortRead(from)
    return bytes
  }
  if (bytes === 0) noteEnd(from)
  else noteReadError(from, errno())
  return 0
}

export function noteActivity(loop: Loop, connection: Connection): void {
  loop.pool.numbers[connection.slot * NUMBERS + NUMBER.activeMs] = loop.nowMs
}

/** Counts bytes that came out of `from`. */
export function noteRead(loop: Loop, from: Half, bytes: number): void {
  const numbers = loop.pool.numbers
  const at = from.connection.slot * NUMBERS
  numbers[at + NUMBER.activeMs] = loop.nowMs
  if (!from.isClient && numbers[at + NUMBER.firstByteMs] === -1) {
    numbers[at + NUMBER.firstByteMs] = loop.nowMs - numbers[at + NUMBER.startedMs]
  }
  countBytes(loop, from, bytes)
}

export function noteShortRead(from: Half): void {
  // At an urgent mark recv stops with bytes behind it; after an error there is the error still to be read.
  if (from.has(FLAG.urgent | FLAG.erred | FLAG.failed)) return
  from.flags &= ~FLAG.readable
  if (from.has(FLAG.remoteFinished)) noteEnd(from)
}

/** The stream of `from` is read to its end. A socket that had failed before gives an end where a reset was meant. */
export function noteEnd(from: Half): void {
  from.flags &= ~FLAG.readable
  if (from.has(FLAG.failed)) {
    from.flags |= FLAG.drained
    return
  }
  from.flags |= FLAG.ended
  from.connection.blameIfNone(CLOSE_REASON_CODES[from.isClient ? 'client-closed' : 'upstream-closed'])
}

export function noteReadError(from: Half, code: number): void {
  if (code === E.EINTR) return
  if (code !== E.EAGAIN) return failReading(from, code)
  from.flags &= ~FLAG.readable
  if (from.has(FLAG.failed)) from.flags |= FLAG.drained
}

/** Sends bytes of `loop.buffer` to the peer of `from`; what it does not take is kept. */
export function sendOrSpill(loop: Loop, from: Half, offset: number, bytes: number): void {
  const to = from.peer
  // The end is known already: the FIN that settle() sends next shares the last segment.
  const flags = from.has(FLAG.ended) ? MSG.nosignal | MSG.more : MSG.nosignal
  const sent = sendTo(to, loop.bufferAt + offset, bytes, flags)
  if (sent === bytes) return
  if (to.has(FLAG.failed)) return uncountBytes(loop, from, bytes)
  keepRest(loop, from, loop.buffer.subarray(offset + sent, offset + bytes))
}

/** Keeps what the peer of `from` did not take, until it takes bytes again. */
export function keepRest(loop: Loop, from: Half, rest: Uint8Array): void {
  const spill = loop.spills.take(rest.length)
  // canHold was asked before the read, so this is a defect; the stream must not go on with a hole in it.
  if (spill === undefined) throw new Error('No spill chunk although one was promised')
  spill.bytes.set(rest)
  spill.end = rest.length
  from.spill = spill
  watch(loop, from.peer)
}

/** Sends what waits in the spill; true when it is empty and given back. */
export function flushSpill(loop: Loop, from: Half): boolean {
  const spill = from.spill
  if (spill === null) return true
  const sent = sendTo(from.peer, spill.at + spill.start, spill.end - spill.start, MSG.nosignal)
  spill.start += sent
  if (sent > 0) noteActivity(loop, from.connection)
  if (spill.start < spill.end) {
    watch(loop, from.peer)
    return false
  }
  loop.spills.giveBack(spill)
  from.spill = null
  return true
}

/** Bytes the kernel took, 0 to all; fewer clears `writable`, an error sets `failed`. */
function sendTo(to: Half, at: number, bytes: number, flags: number): number {
  preferNoDelay(to)
  const sent = send(to.fd, at, bytes, flags)
  if (sent === bytes) return sent
  const result = sent >= 0 ? sent : -errno()
  // Not full: no edge would tell that it takes bytes again.
  return result === -E.EINTR ? sendTo(to, at, bytes, flags) : noteSent(to, result)
}

/** What follows from a send that did not take all: `result` is the bytes it took, or minus the errno. Returns the bytes. */
export function noteSent(to: Half, result: number): number {
  if (result >= 0 || result === -E.EAGAIN) to.flags &= ~FLAG.writable
  else failWriting(to, -result)
  return Math.max(result, 0)
}

/**
 * Nagle's algorithm only ever holds back a second small segment, so a connection with one request needs no call for it.
 * Client sockets inherit the option from their listener.
 */
export function preferNoDelay(to: Half): void {
  if (to.has(FLAG.noDelay)) return
  if (to.has(FLAG.sentOnce)) {
    setInteger(to.fd, OPTION.noDelay, 1)
    to.flags |= FLAG.noDelay
  } else {
    to.flags |= FLAG.sentOnce
  }
}

/** With no memory to keep bytes in: look at them, send, and take off the queue only what was sent. Slower, and never stuck. */
function peekOnce(loop: Loop, from: Half): number {
  const bytes = recv(from.fd, loop.bufferAt, COPY_BYTES, MSG.peek)
  if (bytes === 0) noteEnd(from)
  else if (bytes < 0) noteReadError(from, errno())
  if (bytes <= 0) return READ_COST_BYTES_MIN
  const sent = sendTo(from.peer, loop.bufferAt, bytes, MSG.nosignal)
  if (sent > 0) {
    // Anything else would send bytes twice or never; the guard ends the connection.
    if (recv(from.fd, loop.bufferAt, sent, MSG.trunc) !== sent)
      throw new Error('Bytes that were sent could not be taken off the queue')
    noteRead(loop, from, sent)
  }
  if (sent < bytes && !from.peer.has(FLAG.failed)) watch(loop, from.peer)
  return Math.max(bytes, READ_COST_BYTES_MIN)
}
