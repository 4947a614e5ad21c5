/** What the timing wheel's coming round means for a connection, by its stage. An activity does not move its entry: the real deadline is worked out here. */
import type { Service } from '../tables.ts'
import { FLAG, NUMBER, NUMBERS, STAGE } from './connection.ts'
import type { Connection } from './connection.ts'
import { dialTimedOut } from './dial.ts'
import { endWithReset } from './end.ts'
import { headerTimedOut } from './hello.ts'
import { watchClientWhileDialling } from './leaving.ts'
import type { Loop } from './loop.ts'
import { finishReset } from './relay.ts'
import { applyOptions } from './service-plan.ts'

/** Every connection is looked at once after this time; most are over by then and never pay for what long ones need. */
const FIRST_LOOK_MS = 100

/** When a connection that begins a stage now is looked at first. */
export function firstDeadlineMs(loop: Loop, service: Service): number {
  return loop.nowMs + Math.min(FIRST_LOOK_MS, orNever(service.idleTimeoutMs), orNever(service.maxLifetimeMs))
}

function orNever(ms: number): number {
  return ms === 0 ? Infinity : ms
}

export function onDeadline(loop: Loop, connection: Connection): void {
  if (connection.stage === STAGE.hello) lookAtHello(loop, connection)
  else if (connection.stage === STAGE.dial) lookAtDial(loop, connection)
  else if (connection.stage === STAGE.relay) lookAtRelay(loop, connection)
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
  if (loop.nowMs < dueMs) return watchClientWhileDialling(loop, connection)
  dialTimedOut(loop, connection)
}

function lookAtRelay(loop: Loop, connection: Connection): void {
  const { plan, slot } = connection
  if (!connection.lastingOptionsSet) {
    connection.lastingOptionsSet = true
    applyOptions(connection.upstream.fd, plan.lastingOptions)
  }
  const numbers = loop.pool.numbers
  const lifetimeDueMs = numbers[slot * NUMBERS + NUMBER.startedMs] + orNever(plan.service.maxLifetimeMs)
  const idleDueMs = numbers[slot * NUMBERS + NUMBER.activeMs] + orNever(idleLimitMs(connection))
  if (loop.nowMs >= lifetimeDueMs) return endWithReset(loop, connection, 'lifetime')
  if (loop.nowMs >= idleDueMs) {
    return endWithReset(loop, connection, isHalfClosed(connection) ? 'half-closed-timeout' : 'idle-timeout')
  }
  const dueMs = Math.min(lifetimeDueMs, idleDueMs)
  if (dueMs !== Infinity) loop.wheel.schedule(connection, dueMs)
}

function isHalfClosed(connection: Connection): boolean {
  return connection.client.has(FLAG.shut) || connection.upstream.has(FLAG.shut)
}

function idleLimitMs(connection: Connection): number {
  const { halfClosedTimeoutMs, idleTimeoutMs } = connection.plan.service
  return isHalfClosed(connection) ? halfClosedTimeoutMs : idleTimeoutMs
}
