/** How the client behaves on the wire, against the rules of its service (../wire/). A part of the relay's look at its deadlines. */
import { unacknowledgedBytes } from '../../kernel/tcp-info.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import type { CloseReason } from '../close-reason.ts'
import { SERVICE } from '../counters.ts'
import type { Rule } from '../tables.ts'
import { nextReadLookMs, READ_NUMBERS, readsTooSlowly } from '../wire/slow-read.ts'
import { forgetSending, nextSendLookMs, SEND_NUMBERS, sendsTooSlowly } from '../wire/slow-send.ts'
import { nextTinyLookMs, sendsTinySegments, TINY_NUMBERS } from '../wire/tiny-segments.ts'
import { COUNTED } from '../wire/wire-state.ts'
import type { WireReason } from '../wire/wire-state.ts'
import { FLAG, NUMBER, NUMBERS, STAGE } from './connection.ts'
import type { Connection, Half } from './connection.ts'
import { endWithReset } from './end.ts'
import type { Loop } from './loop.ts'

/** Before the first look of a connection: the slot's last one has left its numbers. */
export function beginWireLooks(loop: Loop, { slot, plan }: Connection): void {
  const { slowSend, slowRead, tinySegments } = plan.service.protect
  if (slowSend.rule !== 'off') loop.pool.slowSend.fill(0, slot * SEND_NUMBERS, (slot + 1) * SEND_NUMBERS)
  if (slowRead.rule !== 'off') loop.pool.slowRead.fill(0, slot * READ_NUMBERS, (slot + 1) * READ_NUMBERS)
  if (tinySegments.rule !== 'off') loop.pool.tinySegments.fill(0, slot * TINY_NUMBERS, (slot + 1) * TINY_NUMBERS)
}

/** When to look again. It may have ended the connection: then its stage says so. */
export function lookAtWire(loop: Loop, connection: Connection): number {
  const { slowSend, slowRead, tinySegments } = connection.plan.service.protect
  let dueMs = firstByteDueMs(loop, connection)
  if (loop.nowMs >= dueMs) endWithReset(loop, connection, firstByteReason(loop, connection))
  if (connection.stage === STAGE.relay && slowRead.rule !== 'off')
    dueMs = Math.min(dueMs, lookAtReading(loop, connection))
  if (connection.stage === STAGE.relay && slowSend.rule !== 'off')
    dueMs = Math.min(dueMs, lookAtSending(loop, connection))
  if (connection.stage === STAGE.relay && tinySegments.rule !== 'off') {
    dueMs = Math.min(dueMs, lookAtSegments(loop, connection))
  }
  return dueMs
}

/** Infinity once a byte has moved either way: a server may be the one to speak first. Halves that are shut have a limit of their own. */
function firstByteDueMs(loop: Loop, { plan, slot, client, upstream }: Connection): number {
  const { firstByteTimeoutMs } = plan.service.protect
  const { numbers } = loop.pool
  const at = slot * NUMBERS
  if (firstByteTimeoutMs === 0 || client.has(FLAG.shut) || upstream.has(FLAG.shut)) return Infinity
  if (numbers[at + NUMBER.bytesToUpstream] + numbers[at + NUMBER.bytesToClient] > 0) return Infinity
  return numbers[at + NUMBER.activeMs] + loop.gate.state.firstByteMs(firstByteTimeoutMs)
}

/** An overload that leaves less of the time is not the client's doing. */
export function firstByteReason(loop: Loop, { plan, slot }: Connection): CloseReason {
  const activeMs = loop.pool.numbers[slot * NUMBERS + NUMBER.activeMs]
  return loop.nowMs >= activeMs + plan.service.protect.firstByteTimeoutMs ? 'first-byte-timeout' : 'overload-idle'
}

function lookAtReading(loop: Loop, connection: Connection): number {
  const { plan, slot, client, upstream } = connection
  const { slowRead } = plan.service.protect
  const state = loop.pool.slowRead
  const at = slot * READ_NUMBERS
  const outstanding = pendingBytes(upstream) + unacknowledgedBytes(client.fd)
  const taken = loop.pool.numbers[slot * NUMBERS + NUMBER.bytesToClient] - outstanding
  if (readsTooSlowly(state, at, slowRead, loop.nowMs, outstanding, taken)) {
    broken(loop, connection, slowRead.rule, 'slow-read', state, at)
  }
  return nextReadLookMs(slowRead, loop.nowMs)
}

function lookAtSending(loop: Loop, connection: Connection): number {
  const { plan, slot, client, upstream } = connection
  const { slowSend } = plan.service.protect
  const state = loop.pool.slowSend
  const at = slot * SEND_NUMBERS
  const fromClient = loop.pool.numbers[slot * NUMBERS + NUMBER.bytesToUpstream]
  const fromUpstream = loop.pool.numbers[slot * NUMBERS + NUMBER.bytesToClient]
  // An upstream that does not take what the client sends, or a client that blocks the answer: the floor can't be measured.
  if (pendingBytes(client) + pendingBytes(upstream) > 0) {
    forgetSending(state, at, fromClient, fromUpstream)
  } else if (sendsTooSlowly(state, at, slowSend, loop.nowMs, fromClient, fromUpstream)) {
    broken(loop, connection, slowSend.rule, 'slow-send', state, at)
  }
  return nextSendLookMs(slowSend, loop.nowMs)
}

function lookAtSegments(loop: Loop, connection: Connection): number {
  const { plan, slot, client } = connection
  const { tinySegments } = plan.service.protect
  const state = loop.pool.tinySegments
  const at = slot * TINY_NUMBERS
  const { tcpInfo, nowMs } = loop
  // Can't fail on a socket of ours; without an answer there is nothing to judge.
  if (!tcpInfo.read(client.fd)) return Infinity
  if (sendsTinySegments(state, at, tinySegments, nowMs, tcpInfo.dataSegmentsReceived, tcpInfo.bytesReceived)) {
    broken(loop, connection, tinySegments.rule, 'tiny-segments', state, at)
  }
  return nextTinyLookMs(state, at, tinySegments)
}

/** Bytes that came out of this half and wait for its peer in user space. */
function pendingBytes({ spill, pipe }: Half): number {
  return (spill === null ? 0 : spill.end - spill.start) + (pipe === null ? 0 : pipe.bytes)
}

/** What a broken rule comes to: an end, or one more in the count of those that would have ended. */
function broken(
  loop: Loop,
  connection: Connection,
  rule: Rule,
  reason: WireReason,
  state: Float64Array,
  at: number,
): void {
  if (rule === 'on') return endWithReset(loop, connection, reason)
  state[at] = COUNTED
  loop.counters.services[connection.plan.countersAt + SERVICE.watched + CLOSE_REASON_CODES[reason]] += 1
}
