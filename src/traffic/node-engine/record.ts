/** What counters and the connection log keep of a connection. */
import { monotonicMs } from '../../lib/clock.ts'
import { NO_STRIKE, strikeFor } from '../admit/strike-reasons.ts'
import { CLOSE_REASON_CODES, type CloseReason } from '../close-reason.ts'
import { SERVICE, SERVICE_STRIDE, UPSTREAM, UPSTREAM_STRIDE, WORKER } from '../counters.ts'
import type { Connection } from './connection.ts'

/** node:net does not show TCP_INFO. */
const UNKNOWN = -1

export function countBegin({ worker, service }: Connection): void {
  const at = service.index * SERVICE_STRIDE
  worker.counters.services[at + SERVICE.open] += 1
  worker.counters.services[at + SERVICE.total] += 1
}

export function recordEnd(connection: Connection, reason: CloseReason): void {
  const { worker, service, candidate } = connection
  const reasonCode = CLOSE_REASON_CODES[reason]
  const at = service.index * SERVICE_STRIDE
  worker.counters.services[at + SERVICE.open] -= 1
  worker.counters.services[at + SERVICE.closed + reasonCode] += 1
  if (candidate !== undefined) {
    worker.counters.upstreams[candidate.upstreamIndex * UPSTREAM_STRIDE + UPSTREAM.open] -= 1
  }
  if (worker.tables.logConnections === 'all') writeRecord(connection, reasonCode)
}

/** `waitedForByte`: it ended while its first byte was waited for. */
export function strikeEnd(connection: Connection, reason: CloseReason, waitedForByte: boolean): void {
  const { worker, service, clientEnd, candidate, bytesToUpstream, bytesToClient } = connection
  const couldBeUsed = waitedForByte || candidate !== undefined
  const kind = strikeFor(CLOSE_REASON_CODES[reason], couldBeUsed, bytesToUpstream + bytesToClient)
  if (kind !== NO_STRIKE) worker.strikes.write(service.index, kind, clientEnd.address, 0, clientEnd.family)
}

/** Who was useful is let in before others when there is no room for all. */
export function noteUseful(connection: Connection, reason: CloseReason): void {
  const { worker, service, clientEnd, bytesToUpstream, bytesToClient, startedMs } = connection
  if (!worker.admission.canBecomeKnown(service)) return
  const nowMs = monotonicMs()
  worker.gate.noteEnd(
    CLOSE_REASON_CODES[reason],
    bytesToUpstream,
    bytesToClient,
    nowMs - startedMs,
    clientEnd.address,
    0,
    clientEnd.family,
    nowMs,
  )
}

function writeRecord(connection: Connection, reasonCode: number): void {
  const { worker, clientEnd, candidate } = connection
  const isWritten = worker.log.write({
    timeMs: Date.now(),
    sequence: connection.sequence,
    durationMs: monotonicMs() - connection.startedMs,
    connectMs: connection.connectMs,
    queueMs: Math.round(connection.queueMs),
    firstByteMs: connection.firstByteMs,
    bytesToUpstream: connection.bytesToUpstream,
    bytesToClient: connection.bytesToClient,
    serviceIndex: connection.service.index,
    listenerIndex: connection.listenerIndex,
    upstreamIndex: candidate?.upstreamIndex ?? -1,
    upstreamAddressIndex: candidate?.addressIndex ?? -1,
    reasonCode,
    attempts: connection.attempts,
    clientRttUs: UNKNOWN,
    upstreamRttUs: UNKNOWN,
    clientRetransmits: UNKNOWN,
    upstreamRetransmits: UNKNOWN,
    clientPort: clientEnd.port,
    clientFamily: clientEnd.family,
    clientAddress: clientEnd.address,
    failedAttempts: connection.failedAttempts,
  })
  if (!isWritten) worker.counters.worker[WORKER.logRecordsDropped] += 1
}
