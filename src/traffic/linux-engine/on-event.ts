/** One epoll event of one half: what it says becomes flags, and the connection's stage decides what they mean. */
import { EPOLL } from '../../kernel/libc.ts'
import { FLAG, STAGE } from './connection.ts'
import type { Half } from './connection.ts'
import { onUpstreamWhileDialling } from './dial.ts'
import { onClientBeforeFirstByte } from './first-byte.ts'
import { readHeader } from './hello.ts'
import { onClientWhileDialling } from './leaving.ts'
import type { Loop } from './loop.ts'
import { noticeError, pump } from './relay.ts'

const READ_EVENTS = EPOLL.in | EPOLL.pri | EPOLL.rdhup | EPOLL.hup | EPOLL.err
const WRITE_EVENTS = EPOLL.out | EPOLL.hup | EPOLL.err

export function onEvent(loop: Loop, half: Half, events: number): void {
  const { connection } = half
  const wasBlocked = !half.has(FLAG.writable)
  noteEvents(half, events)
  if (connection.stage === STAGE.relay) {
    relayEvent(loop, half, events, wasBlocked)
  } else if (connection.stage === STAGE.dial) {
    if (half.isClient) onClientWhileDialling(loop, connection, events)
    else onUpstreamWhileDialling(loop, connection, events)
  } else if (connection.stage === STAGE.waiting) {
    onClientWhileDialling(loop, connection, events)
  } else if (connection.stage === STAGE.hello) {
    readHeader(loop, connection)
  } else if (connection.stage === STAGE.firstByte) {
    onClientBeforeFirstByte(loop, connection, events)
  } else if (connection.stage === STAGE.resetting && (events & EPOLL.err) !== 0) {
    noticeError(loop, half)
  }
}

function noteEvents(half: Half, events: number): void {
  let flags = half.flags
  if ((events & READ_EVENTS) !== 0) flags |= FLAG.readable
  if ((events & EPOLL.pri) !== 0) flags = (flags | FLAG.urgent) & ~FLAG.splicing
  if ((events & EPOLL.rdhup) !== 0) flags |= FLAG.remoteFinished
  if ((events & EPOLL.err) !== 0) flags |= FLAG.erred
  // While a connect is under way "writable" means "connected", which dial.ts says.
  if ((events & WRITE_EVENTS) !== 0 && half.connection.stage !== STAGE.dial) flags |= FLAG.writable
  half.flags = flags
}

function relayEvent(loop: Loop, half: Half, events: number, wasBlocked: boolean): void {
  const { connection, peer } = half
  if ((events & EPOLL.err) !== 0 && half.has(FLAG.ended)) return noticeError(loop, half)
  // Where the peer is stuck the error can't be read now: deadlines.ts bounds how long that may last.
  if ((events & EPOLL.err) !== 0) loop.wheel.schedule(connection, loop.nowMs)
  if ((events & READ_EVENTS) !== 0) pump(loop, half)
  if (wasBlocked && half.has(FLAG.writable) && connection.stage === STAGE.relay) pump(loop, peer)
}
