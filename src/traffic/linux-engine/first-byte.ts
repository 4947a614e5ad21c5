/**
 * Between hello and dial. With `dialOn: first-byte` no upstream is chosen, no place of the service taken and nothing
 * dialled before the client has said something: silent clients cost a slot and an fd here, and nothing behind us.
 */
import { E, EPOLL, errno, MSG, recv } from '../../kernel/libc.ts'
import { NUMBER, NUMBERS, STAGE, FLAG } from './connection.ts'
import type { Connection } from './connection.ts'
import { dial } from './dial.ts'
import { endUnserved, endWithReset } from './end.ts'
import { firstLookMs } from './first-look.ts'
import type { Loop } from './loop.ts'
import { takeServicePlace } from './wait.ts'
import { register } from './watch.ts'
import { firstByteReason } from './wire-look.ts'

/** At once, or when the client says something; often it has. */
export function dialWhenDue(loop: Loop, connection: Connection): void {
  const { plan, client, slot } = connection
  if (plan.service.protect.dialOn === 'connect') return dial(loop, connection)
  // What came behind its PROXY header.
  if (client.spill !== null) return dialNow(loop, connection)
  connection.stage = STAGE.firstByte
  loop.pool.numbers[slot * NUMBERS + NUMBER.activeMs] = loop.nowMs
  loop.wheel.schedule(connection, loop.nowMs + loop.gate.state.firstByteMs(plan.service.protect.firstByteTimeoutMs))
  lookForByte(loop, connection)
  if (connection.stage !== STAGE.firstByte || client.has(FLAG.inEpoll)) return
  if (register(loop, client, false) !== 0) return endWithReset(loop, connection, 'out-of-memory')
  loop.makeWay.note(connection)
}

/** The byte stays in the kernel: the upstream that is dialled now gets it with all that follows. */
function lookForByte(loop: Loop, connection: Connection): void {
  const bytes = recv(connection.client.fd, loop.bufferAt, 1, MSG.peek)
  if (bytes > 0) return dialNow(loop, connection)
  const code = bytes === 0 ? 0 : errno()
  if (code !== E.EAGAIN && code !== E.EINTR) endWithReset(loop, connection, 'client-left')
}

function dialNow(loop: Loop, connection: Connection): void {
  const { service } = connection.plan
  connection.stage = STAGE.dial
  connection.hasServicePlace = takeServicePlace(loop, service)
  if (!connection.hasServicePlace && service.queue.max === 0) return endUnserved(loop, connection, 'service-full')
  loop.wheel.schedule(connection, firstLookMs(loop, service))
  dial(loop, connection)
}

export function onClientBeforeFirstByte(loop: Loop, connection: Connection, events: number): void {
  if ((events & (EPOLL.hup | EPOLL.err)) !== 0) endWithReset(loop, connection, 'client-left')
  else lookForByte(loop, connection)
}

export function lookAtFirstByte(loop: Loop, connection: Connection): void {
  const sinceMs = loop.pool.numbers[connection.slot * NUMBERS + NUMBER.activeMs]
  const dueMs = sinceMs + loop.gate.state.firstByteMs(connection.plan.service.protect.firstByteTimeoutMs)
  if (loop.nowMs >= dueMs) endWithReset(loop, connection, firstByteReason(loop, connection))
  else loop.wheel.schedule(connection, dueMs)
}
