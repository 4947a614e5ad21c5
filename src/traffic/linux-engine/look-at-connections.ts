/**
 * Control asks what is open, or wants some of it ended: slots are looked at in slices of a loop turn, so that the others
 * keep moving. A list goes by slots, so that its pages name no connection twice. What is found is made anew for each
 * answer, as nobody asks unless a person looks; without a question a turn pays one comparison.
 */
import type { ConnectionLook, ConnectionStage, FoundConnection } from '../connection-look.ts'
import { isClientIn, OPERATOR_REASON } from '../connection-look.ts'
import { addressAt, NUMBER, NUMBERS, STAGE } from './connection.ts'
import type { Connection, Half } from './connection.ts'
import { endWithReset } from './end.ts'
import { guarded } from './guard.ts'
import type { Step } from './guard.ts'
import type { Loop } from './loop.ts'

/** Each closes two sockets: about a millisecond for all of them. */
const ENDS_PER_TURN_MAX = 128
/** Each asks the kernel twice. */
const FOUND_PER_TURN_MAX = 128
/** A look at a connection that is not meant is some reads of memory. */
const LOOKS_PER_TURN_MAX = 4_096

export interface LookUnderWay {
  readonly id: number
  readonly look: ConnectionLook
  readonly found: FoundConnection[]
  nextSlot: number
  closed: number
}

const STAGE_NAMES: Readonly<Record<number, ConnectionStage>> = {
  [STAGE.hello]: 'hello',
  [STAGE.firstByte]: 'first-byte',
  [STAGE.waiting]: 'waiting',
  [STAGE.dial]: 'dial',
  [STAGE.relay]: 'relay',
  [STAGE.resetting]: 'closing',
}

export function beginLook(id: number, look: ConnectionLook): LookUnderWay {
  return { id, look, found: [], nextSlot: look.kind === 'list' ? look.from : 0, closed: 0 }
}

/** One slice, of the oldest question. */
export function lookAtConnections(loop: Loop): void {
  const [underWay] = loop.looks
  const isOver =
    underWay.look.kind === 'list' ? listSlice(loop, underWay, underWay.look.max) : closeSlice(loop, underWay)
  if (!isOver) return
  loop.looks.shift()
  const { id, found, nextSlot, closed } = underWay
  loop.tell({ kind: 'looked', id, answer: { found, next: nextSlot < loop.pool.all.length ? nextSlot : -1, closed } })
}

/** True when the list is as long as it may be, or whole. */
function listSlice(loop: Loop, underWay: LookUnderWay, max: number): boolean {
  const { all } = loop.pool
  const { found } = underWay
  const until = Math.min(all.length, underWay.nextSlot + LOOKS_PER_TURN_MAX)
  const enough = Math.min(max, found.length + FOUND_PER_TURN_MAX)
  while (underWay.nextSlot < until && found.length < enough) {
    const connection = all[underWay.nextSlot++]
    if (isMeant(loop, connection, underWay)) found.push(describe(loop, connection))
  }
  return found.length >= max || underWay.nextSlot >= all.length
}

/** True when all slots were looked at. */
function closeSlice(loop: Loop, underWay: LookUnderWay): boolean {
  const { all } = loop.pool
  const until = Math.min(all.length, underWay.nextSlot + LOOKS_PER_TURN_MAX)
  for (let ends = 0; underWay.nextSlot < until && ends < ENDS_PER_TURN_MAX;) {
    const connection = all[underWay.nextSlot++]
    // One in `resetting` is over in moments.
    if (connection.stage === STAGE.resetting || !isMeant(loop, connection, underWay)) continue
    ends++
    underWay.closed++
    guarded(loop, connection, 0, endForOperator)
  }
  return underWay.nextSlot >= all.length
}

const endForOperator: Step = (loop, connection) => endWithReset(loop, connection, OPERATOR_REASON)

function isMeant(loop: Loop, connection: Connection, { look: { filter } }: LookUnderWay): boolean {
  if (connection.stage === STAGE.free) return false
  const { serviceIndex, upstreamIndex, sequence, network } = filter
  if (serviceIndex !== undefined && connection.plan.service.index !== serviceIndex) return false
  if (upstreamIndex !== undefined && upstreamOf(connection) !== upstreamIndex) return false
  const { numbers, clientAddresses } = loop.pool
  if (sequence !== undefined && numbers[connection.slot * NUMBERS + NUMBER.sequence] !== sequence) return false
  return isClientIn(network, connection.clientFamily, clientAddresses, addressAt(connection))
}

function upstreamOf(connection: Connection): number {
  return candidateOf(connection)?.upstreamIndex ?? -1
}

function candidateOf({ stage, plan, candidate }: Connection) {
  const isAtOne = stage === STAGE.relay || stage === STAGE.resetting || stage === STAGE.dial
  return isAtOne ? plan.service.candidates[candidate] : undefined
}

function describe(loop: Loop, connection: Connection): FoundConnection {
  const { numbers, clientAddresses } = loop.pool
  const { slot, stage, plan, listenerIndex, clientFamily, clientPort, client, upstream } = connection
  const at = slot * NUMBERS
  const candidate = candidateOf(connection)
  const from = addressAt(connection)
  const isConnected = stage === STAGE.relay || stage === STAGE.resetting
  return {
    sequence: numbers[at + NUMBER.sequence],
    stage: STAGE_NAMES[stage],
    serviceIndex: plan.service.index,
    listenerIndex,
    upstreamIndex: candidate?.upstreamIndex ?? -1,
    addressIndex: candidate?.addressIndex ?? -1,
    clientFamily,
    clientAddress: clientAddresses.slice(from, from + (clientFamily === 4 ? 4 : 16)),
    clientPort,
    ageMs: Math.max(0, loop.nowMs - numbers[at + NUMBER.startedMs]),
    idleMs: isConnected ? Math.max(0, loop.nowMs - numbers[at + NUMBER.activeMs]) : -1,
    bytesToUpstream: numbers[at + NUMBER.bytesToUpstream],
    bytesToClient: numbers[at + NUMBER.bytesToClient],
    clientRttUs: rttOf(loop, client),
    upstreamRttUs: isConnected ? rttOf(loop, upstream) : -1,
  }
}

function rttOf({ tcpInfo }: Loop, { fd }: Half): number {
  return fd !== -1 && tcpInfo.read(fd) ? tcpInfo.rttUs : -1
}
