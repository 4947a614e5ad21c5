/** The last step: one reason, one log record, both fds closed, everything lent given back, the slot free. Nothing else closes a connection. */
import { close, recv } from '../../kernel/libc.ts'
import { closeWithReset } from '../../kernel/socket-option.ts'
import { NO_STRIKE, strikeFor } from '../admit/strike-reasons.ts'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES } from '../close-reason.ts'
import type { CloseReason } from '../close-reason.ts'
import { SERVICE, UPSTREAM, UPSTREAM_STRIDE } from '../counters.ts'
import { addressAt, NO_REASON, NUMBER, NUMBERS, STAGE } from './connection.ts'
import type { Connection, Half } from './connection.ts'
import { dropHedge } from './hedge-pool.ts'
import type { Loop } from './loop.ts'
import { recordConnection } from './record.ts'
import { giveSourcePlacesBack } from './source-places.ts'
import { SPILL_BYTES_MAX } from './spill-pool.ts'

/** Ends with the reason found so far; both directions were delivered. */
export function endInOrder(loop: Loop, connection: Connection): void {
  end(loop, connection, close)
}

/** Ends with a reset to both sides, for `reason` or the one found so far. */
export function endWithReset(loop: Loop, connection: Connection, reason?: CloseReason): void {
  if (reason !== undefined) connection.reasonCode = CLOSE_REASON_CODES[reason]
  end(loop, connection, closeWithReset)
}

/** Unread bytes looked at before a FIN; who sends more than this unasked gets a reset. */
const DISCARD_READS_MAX = 16

/** Ends with a plain FIN to the client, for `reason`. */
export function endWithFin(loop: Loop, connection: Connection, reason: CloseReason): void {
  connection.reasonCode = CLOSE_REASON_CODES[reason]
  // A socket closed with unread bytes sends a reset instead [RFC 1122 4.2.2.13].
  const { fd } = connection.client
  for (let i = 0; i < DISCARD_READS_MAX && recv(fd, loop.bufferAt, SPILL_BYTES_MAX, 0) > 0; i++);
  end(loop, connection, close)
}

/**
 * Ends a client that its PROXY header's address keeps out. The socket is that of the proxy in front: to let it wait, or
 * know of nothing, would cost the proxy and not the client, so `drop` and `tarpit` are a reset here.
 */
export function endRefused(loop: Loop, connection: Connection, code: number): void {
  const { refuse } = connection.plan.service.protect
  if (refuse === 'close') endWithFin(loop, connection, CLOSE_REASON_NAMES[code])
  else endWithReset(loop, connection, CLOSE_REASON_NAMES[code])
}

/** Ends a client that no upstream served, as the service's onFailure says. */
export function endUnserved(loop: Loop, connection: Connection, reason: CloseReason): void {
  if (connection.plan.service.onFailure === 'close') endWithFin(loop, connection, reason)
  else endWithReset(loop, connection, reason)
}

function end(loop: Loop, connection: Connection, closeSocket: (fd: number) => void): void {
  if (connection.stage === STAGE.free) return
  if (connection.reasonCode === NO_REASON) connection.reasonCode = CLOSE_REASON_CODES['internal-error']
  if (connection.stage === STAGE.waiting) loop.room.leave(connection.plan.service, connection.queueEntry)
  noteWaited(loop, connection)
  strike(loop, connection)
  noteUseful(loop, connection)
  dropUndelivered(loop, connection.client)
  dropUndelivered(loop, connection.upstream)
  count(loop, connection)
  if (loop.logConnections === 'all') recordConnection(loop, connection)
  closeHalf(connection.client, closeSocket)
  closeHalf(connection.upstream, closeSocket)
  loop.wheel.cancel(connection)
  if (connection.isListed) loop.makeWay.forget(connection)
  givePlacesBack(loop, connection)
  if (connection.hedge !== null) dropHedge(loop, connection)
  loop.openConnections--
  loop.pool.free(connection)
}

/** Before bytes that were not delivered are taken off: what the client has sent it has sent. */
function strike(loop: Loop, connection: Connection): void {
  const { stage, slot, plan, reasonCode } = connection
  const couldBeUsed = stage === STAGE.relay || stage === STAGE.resetting || stage === STAGE.firstByte
  const at = slot * NUMBERS
  const { numbers, clientAddresses } = loop.pool
  const carried = numbers[at + NUMBER.bytesToUpstream] + numbers[at + NUMBER.bytesToClient]
  const kind = strikeFor(reasonCode, couldBeUsed, carried)
  if (kind === NO_STRIKE) return
  loop.strikes.write(plan.service.index, kind, clientAddresses, addressAt(connection), connection.clientFamily)
}

/** Who was useful is let in before others when there is no room for all. */
function noteUseful({ admission, gate, pool, nowMs }: Loop, connection: Connection): void {
  if (!admission.canBecomeKnown(connection.plan.service)) return
  const { numbers, clientAddresses } = pool
  const { reasonCode, clientFamily } = connection
  const at = connection.slot * NUMBERS
  const toUpstream = numbers[at + NUMBER.bytesToUpstream]
  const toClient = numbers[at + NUMBER.bytesToClient]
  const durationMs = nowMs - numbers[at + NUMBER.startedMs]
  gate.noteEnd(
    reasonCode,
    toUpstream,
    toClient,
    durationMs,
    clientAddresses,
    addressAt(connection),
    clientFamily,
    nowMs,
  )
}

function givePlacesBack(loop: Loop, connection: Connection): void {
  const { service } = connection.plan
  if (connection.hasPassedPlaceOn) connection.hasPassedPlaceOn = false
  else loop.nodeWide.givePlaceBack()
  giveSourcePlacesBack(loop, connection)
  const { hasServicePlace, hasUpstreamPlace } = connection
  if (hasServicePlace) loop.states.giveServicePlaceBack(service.index)
  if (hasUpstreamPlace) loop.states.giveUpstreamPlaceBack(service.candidates[connection.candidate].upstreamIndex)
  connection.hasServicePlace = false
  connection.hasUpstreamPlace = false
  // After both: who is called then finds all that it needs. One that only waited gives nothing back.
  if (hasServicePlace || hasUpstreamPlace) loop.room.noteFreed(service)
}

/** To be called once for each wait, when it ends. */
export function noteWaited(loop: Loop, connection: Connection): void {
  if (connection.stage !== STAGE.waiting) return
  const { numbers } = loop.pool
  const at = connection.slot * NUMBERS
  const waitedMs = Math.max(0, loop.nowMs - numbers[at + NUMBER.queuedMs])
  const { services } = loop.counters
  const { countersAt } = connection.plan
  if (numbers[at + NUMBER.queueMs] === -1) {
    numbers[at + NUMBER.queueMs] = 0
    services[countersAt + SERVICE.queued] += 1
  }
  numbers[at + NUMBER.queueMs] += waitedMs
  services[countersAt + SERVICE.queueMsSum] += waitedMs
}

/** Bytes are counted when they are read; what was never delivered is taken off again. A PROXY header in the making was never counted. */
function dropUndelivered(loop: Loop, half: Half): void {
  const { stage } = half.connection
  let bytes = 0
  if (half.spill !== null) {
    bytes = half.spill.end - half.spill.start
    loop.spills.giveBack(half.spill)
    half.spill = null
  }
  if (half.pipe !== null) {
    bytes += half.pipe.bytes
    loop.pipes.giveBack(half.pipe)
    half.pipe = null
  }
  if (bytes > 0 && stage !== STAGE.hello) uncountBytes(loop, half, bytes)
}

/** Adds to the bytes that came out of this half, live in the counters and for the log. */
export function countBytes(loop: Loop, from: Half, bytes: number): void {
  const { plan, slot } = from.connection
  const isClient = from.isClient
  loop.pool.numbers[slot * NUMBERS + (isClient ? NUMBER.bytesToUpstream : NUMBER.bytesToClient)] += bytes
  loop.counters.services[plan.countersAt + (isClient ? SERVICE.bytesToUpstream : SERVICE.bytesToClient)] += bytes
}

/** Takes bytes off the connection's own number. The counters of the service keep them: a counter that falls reads as a restart. */
export function uncountBytes(loop: Loop, from: Half, bytes: number): void {
  const { slot } = from.connection
  loop.pool.numbers[slot * NUMBERS + (from.isClient ? NUMBER.bytesToUpstream : NUMBER.bytesToClient)] -= bytes
}

function count(loop: Loop, connection: Connection): void {
  const services = loop.counters.services
  const at = connection.plan.countersAt
  services[at + SERVICE.open] -= 1
  services[at + SERVICE.closed + connection.reasonCode] += 1
  if (connection.stage === STAGE.relay || connection.stage === STAGE.resetting) {
    const { upstreamIndex } = connection.plan.service.candidates[connection.candidate]
    loop.counters.upstreams[upstreamIndex * UPSTREAM_STRIDE + UPSTREAM.open] -= 1
  }
}

/** Closing an fd and forgetting it are one step: a closed number may be another connection's a moment later. */
export function closeHalf(half: Half, closeSocket: (fd: number) => void): void {
  if (half.fd !== -1) closeSocket(half.fd)
  half.fd = -1
  half.flags = 0
  half.streak = 0
}
