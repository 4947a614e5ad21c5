/**
 * Step 4 of 6, where the service has a queue: a client that finds all places taken waits, with its bytes left in the
 * kernel, until a worker that frees a place calls it (queue/waiting-room.ts). Only its leaving is watched for.
 */
import { clientHash32 } from '../../lib/client-hash.ts'
import { FULL } from '../balance/choose.ts'
import type { FailedAttempt } from '../log-ring.ts'
import type { Comer } from '../queue/waiting-room.ts'
import { WAITS } from '../queue/waiting-room.ts'
import type { Service } from '../tables.ts'
import { addressAt, NUMBER, NUMBERS, STAGE } from './connection.ts'
import type { Connection } from './connection.ts'
import { dialChosen } from './dial.ts'
import { endUnserved, noteWaited } from './end.ts'
import { firstLookMs } from './first-look.ts'
import { watchClientWhileDialling } from './leaving.ts'
import type { Loop } from './loop.ts'

/** At accept. A client that will have to wait for others takes no place from them. */
export function takeServicePlace(loop: Loop, service: Service): boolean {
  if (service.queue.max > 0 && loop.room.isAnyoneWaiting(service)) return false
  return loop.states.takeServicePlace(service.index, service.maxConnections)
}

export function giveServicePlaceBack(loop: Loop, service: Service): void {
  loop.states.giveServicePlaceBack(service.index)
  loop.room.noteFreed(service)
}

/** The same for every connection of the client, on every worker. */
export function clientHash(loop: Loop, connection: Connection): number {
  return clientHash32(loop.pool.clientAddresses, addressAt(connection), connection.clientFamily)
}

/** Where the client was before, or -1. */
export function knownPlace(loop: Loop, connection: Connection): number {
  const { service } = connection.plan
  if (service.affinity === null) return -1
  const { clientAddresses } = loop.pool
  return loop.affinity.placeOf(service, clientAddresses, addressAt(connection), connection.clientFamily, loop.nowMs)
}

/** A candidate, or WAITS, or why there is neither. */
export function chooseOrWait(loop: Loop, connection: Connection): number {
  const { service } = connection.plan
  if (connection.hasServicePlace) {
    // One that has dialled already came before all who wait.
    if (connection.attempts > 0 || !loop.room.isAnyoneWaiting(service)) {
      const { failedAttempts } = connection
      const known = knownPlace(loop, connection)
      const choice = loop.chooser.choose(service, failedAttempts, clientHash(loop, connection), loop.nowMs, known)
      if (choice !== FULL) return choice
    }
    connection.hasServicePlace = false
    giveServicePlaceBack(loop, service)
  }
  return join(loop, connection)
}

function join(loop: Loop, connection: Connection): number {
  const { room } = loop
  const choice = room.join(comerOf(loop, connection), connection.slot, connection.queueTicket, loop.nowMs)
  if (choice >= 0) connection.hasServicePlace = true
  if (choice !== WAITS) return choice
  connection.queueEntry = room.entry
  connection.queueTicket = room.ticket
  connection.stage = STAGE.waiting
  loop.pool.numbers[connection.slot * NUMBERS + NUMBER.queuedMs] = loop.nowMs
  loop.wheel.schedule(connection, loop.nowMs + connection.plan.service.queue.timeoutMs)
  watchClientWhileDialling(loop, connection)
  return WAITS
}

/** The client was called: a place may be free. */
export function answerCall(loop: Loop, connection: Connection): void {
  const choice = loop.room.answer(comerOf(loop, connection), connection.queueEntry, loop.nowMs)
  if (choice === WAITS) return
  noteWaited(loop, connection)
  connection.hasServicePlace = choice >= 0
  connection.stage = STAGE.dial
  loop.wheel.schedule(connection, firstLookMs(loop, connection.plan.service))
  dialChosen(loop, connection, choice)
}

export function lookAtWait(loop: Loop, connection: Connection): void {
  const queuedMs = loop.pool.numbers[connection.slot * NUMBERS + NUMBER.queuedMs]
  const dueMs = queuedMs + connection.plan.service.queue.timeoutMs
  if (loop.nowMs < dueMs) return loop.wheel.schedule(connection, dueMs)
  endUnserved(loop, connection, 'queue-timeout')
}

/** Filled anew for each question: one for each worker, as nobody keeps it. */
const comer: { -readonly [Key in keyof Comer]: Comer[Key] } = {
  service: undefined as unknown as Service,
  addressBytes: new Uint8Array(0),
  addressAt: 0,
  family: 4,
  tried: null as readonly FailedAttempt[] | null,
  known: -1,
}

function comerOf(loop: Loop, connection: Connection): Comer {
  comer.service = connection.plan.service
  comer.addressBytes = loop.pool.clientAddresses
  comer.addressAt = addressAt(connection)
  comer.family = connection.clientFamily
  comer.tried = connection.failedAttempts
  comer.known = knownPlace(loop, connection)
  return comer
}
