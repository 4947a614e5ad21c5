/**
 * Step 6 of 6: moves bytes from one half to the other until both have said their end. Small data is copied (recv, send),
 * bulk goes through a pipe (splice); copy.ts and bulk.ts move one portion each, this file decides what comes next.
 *
 * Backpressure: a half is read only while its peer takes bytes, so a receiver that stops stops its own sender and nobody else.
 */
import { SHUT_WR, shutdown } from '../../kernel/libc.ts'
import { takeSocketError } from '../../kernel/socket-option.ts'
import { unacknowledgedBytes } from '../../kernel/tcp-info.ts'
import { flushPipe, spliceOnce } from './bulk.ts'
import { FLAG, NUMBER, NUMBERS, STAGE } from './connection.ts'
import type { Connection, Half } from './connection.ts'
import { copyOnce, flushSpill } from './copy.ts'
import { endInOrder, endWithReset } from './end.ts'
import { blameFailure } from './failure.ts'
import type { Loop } from './loop.ts'

/** Bytes one half may move in one turn, so that a bulk stream can't hold up thousands of small ones. */
const TURN_BYTES_MAX = 1024 * 1024

/** After a failure of one side the other has so long to take what was read before it gets its reset. */
export const RESET_DELIVERY_MS_MAX = 10_000

const READ_MASK = FLAG.readable | FLAG.ended | FLAG.drained

/** Moves what can be moved out of `from`, then does what follows from it. The connection may have ended afterwards. */
export function pump(loop: Loop, from: Half): void {
  moveBytes(loop, from)
  settle(loop, from.connection)
}

function moveBytes(loop: Loop, from: Half): void {
  const to = from.peer
  if (to.has(FLAG.failed)) return
  if (!flushPending(loop, from)) return
  let budget = TURN_BYTES_MAX
  while ((from.flags & READ_MASK) === FLAG.readable && (to.flags & (FLAG.writable | FLAG.failed)) === FLAG.writable) {
    if (budget <= 0) return loop.comeBackTo(from)
    budget -= from.has(FLAG.splicing) ? spliceOnce(loop, from) : copyOnce(loop, from)
  }
}

/** Sends what waits in user space or in the pipe; true when nothing is left. */
function flushPending(loop: Loop, from: Half): boolean {
  if (!from.peer.has(FLAG.writable)) return !hasPending(from)
  if (from.spill !== null && !flushSpill(loop, from)) return false
  return from.pipe === null || from.pipe.bytes === 0 || flushPipe(loop, from)
}

function hasPending(from: Half): boolean {
  return from.spill !== null || (from.pipe !== null && from.pipe.bytes > 0)
}

/** Passes ends and failures on, once everything before them is delivered. */
export function settle(loop: Loop, connection: Connection): void {
  if (connection.stage !== STAGE.relay) return
  const { client, upstream } = connection
  if (client.has(FLAG.failed)) return passFailureOn(loop, client)
  if (upstream.has(FLAG.failed)) return passFailureOn(loop, upstream)
  const clientDone = client.has(FLAG.ended) && !hasPending(client)
  const upstreamDone = upstream.has(FLAG.ended) && !hasPending(upstream)
  if (clientDone && upstreamDone) return endInOrder(loop, connection)
  if (clientDone) passEndOn(loop, client)
  if (upstreamDone) passEndOn(loop, upstream)
}

/** Half-close: the peer gets our FIN, the other direction goes on. */
function passEndOn(loop: Loop, from: Half): void {
  const { connection, peer } = from
  if (peer.has(FLAG.shut)) return
  // Fails only where the socket is already reset, which its own event tells.
  shutdown(peer.fd, SHUT_WR)
  peer.flags |= FLAG.shut
  loop.pool.numbers[connection.slot * NUMBERS + NUMBER.activeMs] = loop.nowMs
  // At once: deadlines.ts works out which limit comes first now.
  loop.wheel.schedule(connection, loop.nowMs)
}

/**
 * `dead` was reset or lost. What it had sent before is still delivered, as far as its kernel buffer has it,
 * then the other side gets a reset: a FIN would make a cut stream look whole.
 */
function passFailureOn(loop: Loop, dead: Half): void {
  const { connection, peer } = dead
  if (peer.has(FLAG.failed)) return endWithReset(loop, connection)
  if (!dead.has(FLAG.drained)) {
    dead.flags |= FLAG.readable
    dead.flags &= ~(FLAG.ended | FLAG.remoteFinished)
    moveBytes(loop, dead)
  }
  if (peer.has(FLAG.failed)) return endWithReset(loop, connection)
  // The living side does not take it all yet: deadlines.ts gives it RESET_DELIVERY_MS_MAX from the last byte it took.
  if (!dead.has(FLAG.drained) || hasPending(dead)) return loop.wheel.schedule(connection, loop.nowMs)
  if (unacknowledgedBytes(peer.fd) === 0) return endWithReset(loop, connection)
  connection.stage = STAGE.resetting
  loop.pool.numbers[connection.slot * NUMBERS + NUMBER.activeMs] = loop.nowMs
  loop.wheel.schedule(connection, loop.nowMs)
}

/** In stage `resetting`, on every tick: resets as soon as the living side has acknowledged everything, or had its time. */
export function finishReset(loop: Loop, connection: Connection): void {
  const living = connection.client.has(FLAG.failed) ? connection.upstream : connection.client
  const sinceMs = loop.pool.numbers[connection.slot * NUMBERS + NUMBER.activeMs]
  const isOver = living.has(FLAG.failed) || loop.nowMs - sinceMs >= RESET_DELIVERY_MS_MAX
  if (isOver || unacknowledgedBytes(living.fd) === 0) endWithReset(loop, connection)
  else loop.wheel.schedule(connection, loop.nowMs)
}

/** An error event on a half from which nothing is read any more: recv would never tell. */
export function noticeError(loop: Loop, half: Half): void {
  const code = takeSocketError(half.fd)
  if (code === 0) return
  half.flags |= FLAG.failed | FLAG.drained
  blameFailure(half, code)
  if (half.connection.stage === STAGE.resetting) endWithReset(loop, half.connection)
  else settle(loop, half.connection)
}
