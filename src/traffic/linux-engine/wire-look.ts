/** How the client behaves on the wire, against the rules of its service (../wire/). A part of the relay's look at its deadlines. */
import { unacknowledgedBytes } from '../../kernel/tcp-info.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import type { CloseReason } from '../close-reason.ts'
import { SERVICE } from '../counters.ts'
import type { Rule } from '../tables.ts'
import { nextReadLookMs, readsTooSlowly } from '../wire/slow-read.ts'
import { forgetSending, nextSendLookMs, sendsTooSlowly } from '../wire/slow-send.ts'
import { nextTinyLookMs, sendsTinySegments } from '../wire/tiny-segments.ts'
import { WATCHED, WIRE, WIRE_NUMBERS } from '../wire/wire-state.ts'
import type { WireReason } from '../wire/wire-state.ts'
import { FLAG, NUMBER, NUMBERS } from './connection.ts'
import type { Connection, Half } from './connection.ts'
import { endWithReset } from './end.ts'
import type { Loop } from './loop.ts'

/** Before the first look of a connection: the slot's last one has left its numbers. */
export function beginWireLooks(loop: Loop, { slot }: Connection): void {
  loop.pool.wire.fill(0, slot * WIRE_NUMBERS, (slot + 1) * WIRE_NUMBERS)
}

/** When to look again. It may have ended the connection: then its stage says so. */
export function lookAtWire(loop: Loop, connection: Connection): number {
  const { slowSend, slowRead, tinySegments } = connection.plan.service.protect
  let dueMs = firstByteDueMs(loop, connection)
  if (loop.nowMs >= dueMs) return end(loop, connection, 'first-byte-timeout')
  if (slowRead.rule !== 'off') {
    if (isSlowReader(loop, connection) && isEnd(loop, connection, slowRead.rule, 'slow-read')) {
      return end(loop, connection, 'slow-read')
    }
    dueMs = Math.min(dueMs, nextReadLookMs(slowRead, loop.nowMs))
  }
  if (slowSend.rule !== 'off') {
    if (isSlowSender(loop, connection) && isEnd(loop, connection, slowSend.rule, 'slow-send')) {
      return end(loop, connection, 'slow-send')
    }
    dueMs = Math.min(dueMs, nextSendLookMs(slowSend, loop.nowMs))
  }
  if (tinySegments.rule !== 'off') {
    if (isTinySender(loop, connection) && isEnd(loop, connection, tinySegments.rule, 'tiny-segments')) {
      return end(loop, connection, 'tiny-segments')
    }
    dueMs = Math.min(dueMs, nextTinyLookMs(loop.pool.wire, connection.slot * WIRE_NUMBERS, tinySegments))
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
  return numbers[at + NUMBER.activeMs] + firstByteTimeoutMs
}

function isSlowReader(loop: Loop, { plan, slot, client, upstream }: Connection): boolean {
  const outstanding = pendingBytes(upstream) + unacknowledgedBytes(client.fd)
  const taken = loop.pool.numbers[slot * NUMBERS + NUMBER.bytesToClient] - outstanding
  const { slowRead } = plan.service.protect
  return readsTooSlowly(loop.pool.wire, slot * WIRE_NUMBERS, slowRead, loop.nowMs, outstanding, taken)
}

function isSlowSender(loop: Loop, { plan, slot, client, upstream }: Connection): boolean {
  const { numbers, wire } = loop.pool
  const fromClient = numbers[slot * NUMBERS + NUMBER.bytesToUpstream]
  const fromUpstream = numbers[slot * NUMBERS + NUMBER.bytesToClient]
  const at = slot * WIRE_NUMBERS
  // An upstream that does not take what the client sends, or a client that blocks the answer: the floor can't be measured.
  if (pendingBytes(client) + pendingBytes(upstream) > 0) {
    forgetSending(wire, at, fromClient, fromUpstream)
    return false
  }
  return sendsTooSlowly(wire, at, plan.service.protect.slowSend, loop.nowMs, fromClient, fromUpstream)
}

function isTinySender(loop: Loop, { plan, slot, client }: Connection): boolean {
  const { tcpInfo, pool, nowMs } = loop
  const { tinySegments } = plan.service.protect
  if (!tcpInfo.read(client.fd)) return false
  const { dataSegmentsReceived, bytesReceived } = tcpInfo
  return sendsTinySegments(pool.wire, slot * WIRE_NUMBERS, tinySegments, nowMs, dataSegmentsReceived, bytesReceived)
}

/** Bytes that came out of this half and wait for its peer in user space. */
function pendingBytes({ spill, pipe }: Half): number {
  return (spill === null ? 0 : spill.end - spill.start) + (pipe === null ? 0 : pipe.bytes)
}

/** What a broken rule comes to: an end, or one more in the count of those that would have ended, once for each connection. */
function isEnd(loop: Loop, { plan, slot }: Connection, rule: Rule, reason: WireReason): boolean {
  if (rule === 'on') return true
  const at = slot * WIRE_NUMBERS + WIRE.watched
  const seen = loop.pool.wire[at]
  if ((seen & WATCHED[reason]) !== 0) return false
  loop.pool.wire[at] = seen | WATCHED[reason]
  loop.counters.services[plan.countersAt + SERVICE.watched + CLOSE_REASON_CODES[reason]] += 1
  return false
}

function end(loop: Loop, connection: Connection, reason: CloseReason): number {
  endWithReset(loop, connection, reason)
  return Infinity
}
