/** What the timing wheel's coming round means for a connection, by its stage. An activity does not move its entry: the real deadline is worked out here. */
import { E } from '../../kernel/libc.ts'
import { takeSocketError } from '../../kernel/socket-option.ts'
import { unacknowledgedBytes } from '../../kernel/tcp-info.ts'
import type { CloseReason } from '../close-reason.ts'
import { FLAG, NUMBER, NUMBERS, STAGE } from './connection.ts'
import { lookAtWindows } from './closed-window.ts'
import type { Connection } from './connection.ts'
import { noteActivity } from './copy.ts'
import { dialTimedOut } from './dial.ts'
import { endWithReset } from './end.ts'
import { blameFailure } from './failure.ts'
import { lookAtFirstByte } from './first-byte.ts'
import { orNever } from './first-look.ts'
import { lookAtHedge } from './hedge.ts'
import { headerTimedOut } from './hello.ts'
import { watchClientWhileDialling } from './leaving.ts'
import type { Loop } from './loop.ts'
import { finishReset, RESET_DELIVERY_MS_MAX } from './relay.ts'
import { applyOptions } from './service-plan.ts'
import { lookAtWait } from './wait.ts'
import { beginWireLooks, lookAtWire } from './wire-look.ts'

export function onDeadline(loop: Loop, connection: Connection): void {
  if (connection.stage === STAGE.hello) lookAtHello(loop, connection)
  else if (connection.stage === STAGE.dial) lookAtDial(loop, connection)
  else if (connection.stage === STAGE.waiting) lookAtWait(loop, connection)
  else if (connection.stage === STAGE.relay) lookAtRelay(loop, connection)
  else if (connection.stage === STAGE.firstByte) lookAtFirstByte(loop, connection)
  else if (connection.stage === STAGE.resetting) finishReset(loop, connection)
}

function lookAtHello(loop: Loop, connection: Connection): void {
  const startedMs = loop.pool.numbers[connection.slot * NUMBERS + NUMBER.startedMs]
  const dueMs = startedMs + connection.plan.service.acceptProxyTimeoutMs
  if (loop.nowMs >= dueMs) headerTimedOut(loop, connection)
  else loop.wheel.schedule(connection, dueMs)
}

function lookAtDial(loop: Loop, connection: Connection): void {
  const dialledMs = loop.pool.numbers[connection.slot * NUMBERS + NUMBER.dialledMs]
  const dueMs = dialledMs + connection.plan.service.connectTimeoutMs
  loop.wheel.schedule(connection, Math.max(dueMs, loop.nowMs))
  if (loop.nowMs >= dueMs) return dialTimedOut(loop, connection)
  watchClientWhileDialling(loop, connection)
  if (connection.plan.service.hedgeAfterMs > 0 && connection.stage === STAGE.dial) lookAtHedge(loop, connection)
}

function lookAtRelay(loop: Loop, connection: Connection): void {
  const { plan, slot } = connection
  if (!connection.lastingOptionsSet) {
    connection.lastingOptionsSet = true
    applyOptions(connection.upstream.fd, plan.lastingOptions)
    if (plan.hasWireRules) beginWireLooks(loop, connection)
    if (loop.pool.numbers[slot * NUMBERS + NUMBER.bytesToUpstream] === 0) loop.makeWay.note(connection)
  }
  const numbers = loop.pool.numbers
  const lifetimeDueMs = numbers[slot * NUMBERS + NUMBER.startedMs] + orNever(plan.service.maxLifetimeMs)
  const idleDueMs = numbers[slot * NUMBERS + NUMBER.activeMs] + orNever(idleLimitMs(loop, connection))
  if (loop.nowMs >= lifetimeDueMs) return endWithReset(loop, connection, 'lifetime')
  if (loop.nowMs >= idleDueMs && (hasFailed(connection) || !isDelivering(loop, connection))) {
    if (hasFailed(connection)) return endFailed(loop, connection)
    return endWithReset(loop, connection, idleReason(loop, connection))
  }
  const windowDueMs = lookAtWindows(loop, connection)
  const wireDueMs = plan.hasWireRules && connection.stage === STAGE.relay ? lookAtWire(loop, connection) : Infinity
  if (connection.stage !== STAGE.relay) return
  // Where acknowledged bytes began the limit anew, the next tick finds the new deadline.
  const dueMs = Math.min(lifetimeDueMs, idleDueMs, wireDueMs, windowDueMs)
  if (dueMs !== Infinity) loop.wheel.schedule(connection, dueMs)
}

/**
 * Nothing was read or sent for the whole limit, but a slow receiver may still be taking what its kernel buffer holds:
 * megabytes, and minutes of them. Bytes acknowledged since the last look are activity; a receiver that takes none is idle.
 */
function isDelivering(loop: Loop, connection: Connection): boolean {
  const unacknowledged = unacknowledgedBytes(connection.client.fd) + unacknowledgedBytes(connection.upstream.fd)
  const seen = connection.unacknowledgedSeen
  connection.unacknowledgedSeen = unacknowledged
  if (unacknowledged === seen) return false
  noteActivity(loop, connection)
  return true
}

function isHalfClosed(connection: Connection): boolean {
  return connection.client.has(FLAG.shut) || connection.upstream.has(FLAG.shut)
}

/** `erred`: reset or lost, but what it had sent before can't be read yet, because the other side takes nothing. */
function hasFailed(connection: Connection): boolean {
  return connection.client.has(FLAG.failed | FLAG.erred) || connection.upstream.has(FLAG.failed | FLAG.erred)
}

function endFailed(loop: Loop, connection: Connection): void {
  const dead = connection.client.has(FLAG.erred) ? connection.client : connection.upstream
  if (!dead.has(FLAG.failed)) blameFailure(dead, takeSocketError(dead.fd) || E.ECONNRESET)
  endWithReset(loop, connection)
}

function idleReason(loop: Loop, connection: Connection): CloseReason {
  if (isHalfClosed(connection)) return 'half-closed-timeout'
  const activeMs = loop.pool.numbers[connection.slot * NUMBERS + NUMBER.activeMs]
  return loop.nowMs >= activeMs + orNever(connection.plan.service.idleTimeoutMs) ? 'idle-timeout' : 'overload-idle'
}

function idleLimitMs({ gate }: Loop, connection: Connection): number {
  if (hasFailed(connection)) return RESET_DELIVERY_MS_MAX
  const { halfClosedTimeoutMs, idleTimeoutMs } = connection.plan.service
  return isHalfClosed(connection) ? halfClosedTimeoutMs : gate.state.idleMs(idleTimeoutMs)
}
