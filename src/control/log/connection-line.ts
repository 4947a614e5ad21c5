/** One ended connection as the log shows it; the field names are a contract (docs/operating.md). */
import { getSystemErrorName } from 'node:util'
import { formatIp } from '../../lib/ip.ts'
import { CLOSE_REASON_NAMES, type CloseReason } from '../../traffic/close-reason.ts'
import { connectionId } from '../../traffic/events.ts'
import {
  ATTEMPT_OVERTAKEN,
  ATTEMPT_TIMED_OUT,
  type ConnectionRecord,
  type FailedAttempt,
} from '../../traffic/log-ring.ts'
import type { KnownNames } from './known-names.ts'
import { textValue } from './text-line.ts'

/** `null` where the engine can't know or there was none. */
export interface ConnectionLine {
  readonly event: 'connection'
  readonly time: string
  readonly service: string
  /** The same id as in the PROXY header's UNIQUE_ID. */
  readonly id: string
  readonly client: string
  readonly listener: string
  readonly upstream: string | null
  readonly attempts: number
  readonly attemptErrors?: readonly AttemptError[]
  readonly reason: CloseReason
  readonly bytesToUpstream: number
  readonly bytesToClient: number
  readonly durationMs: number
  readonly queueMs: number | null
  readonly connectMs: number | null
  readonly firstByteMs: number | null
  readonly clientRttMs: number | null
  readonly upstreamRttMs: number | null
  readonly retransmits: number | null
  readonly clientRetransmits: number | null
  readonly upstreamRetransmits: number | null
}

export interface AttemptError {
  readonly upstream: string
  readonly address: string
  /** `ECONNREFUSED`, `timeout after 5000 ms`, `overtaken`, … */
  readonly error: string
  readonly ms: number
}

/** What a record alone does not say. */
export interface RecordOrigin {
  readonly bootId: string
  readonly workerIndex: number
}

export function makeConnectionLine(record: ConnectionRecord, origin: RecordOrigin, names: KnownNames): ConnectionLine {
  return {
    event: 'connection',
    time: new Date(record.timeMs).toISOString(),
    service: names.service(record.serviceIndex),
    id: connectionId(origin.bootId, origin.workerIndex, record.sequence),
    client: clientText(record),
    listener: names.listener(record.listenerIndex),
    upstream: record.upstreamIndex === -1 ? null : names.upstream(record.upstreamIndex),
    attempts: record.attempts,
    ...(record.failedAttempts.length === 0 ? {} : { attemptErrors: attemptErrors(record, names) }),
    reason: CLOSE_REASON_NAMES[record.reasonCode] ?? 'internal-error',
    bytesToUpstream: record.bytesToUpstream,
    bytesToClient: record.bytesToClient,
    durationMs: rounded(record.durationMs),
    queueMs: known(record.queueMs),
    connectMs: known(record.connectMs),
    firstByteMs: known(record.firstByteMs),
    clientRttMs: known(record.clientRttUs, 1000),
    upstreamRttMs: known(record.upstreamRttUs, 1000),
    retransmits: retransmitSum(record),
    clientRetransmits: known(record.clientRetransmits),
    upstreamRetransmits: known(record.upstreamRetransmits),
  }
}

export function clientText(record: ConnectionRecord): string {
  const { clientAddress: bytes, clientPort } = record
  if (record.clientFamily === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}:${clientPort}`
  const address = formatIp(record.clientAddress)
  // A v4-mapped address is an IPv4 address, and those have no brackets.
  return address.includes(':') ? `[${address}]:${clientPort}` : `${address}:${clientPort}`
}

export function attemptErrors(record: ConnectionRecord, names: KnownNames): AttemptError[] {
  return record.failedAttempts.map((attempt) => attemptError(attempt, record, names))
}

function attemptError(attempt: FailedAttempt, record: ConnectionRecord, names: KnownNames): AttemptError {
  return {
    upstream: names.upstream(attempt.upstreamIndex),
    address: names.address(attempt.upstreamAddressIndex),
    error: errorText(attempt, record, names),
    ms: attempt.durationMs,
  }
}

function errorText({ error }: FailedAttempt, { serviceIndex }: ConnectionRecord, names: KnownNames): string {
  if (error === ATTEMPT_TIMED_OUT) return `timeout after ${names.connectTimeoutMs(serviceIndex)} ms`
  return error === ATTEMPT_OVERTAKEN ? 'overtaken' : errnoName(error)
}

const nameByErrno = new Map<number, string>()

function errnoName(errno: number): string {
  let name = nameByErrno.get(errno)
  if (name === undefined) {
    name = errno > 0 ? getSystemErrorName(-errno) : `error ${errno}`
    nameByErrno.set(errno, name)
  }
  return name
}

export function retransmitSum(record: ConnectionRecord): number | null {
  if (record.clientRetransmits === -1 && record.upstreamRetransmits === -1) return null
  return Math.max(0, record.clientRetransmits) + Math.max(0, record.upstreamRetransmits)
}

export function known(value: number, unitsPerOne = 1): number | null {
  return value === -1 ? null : rounded(value / unitsPerOne)
}

/** Microseconds are the finest that is measured; the digits behind them would only fill disks. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}

/** `time web 192.0.2.1:5 -> pool-a client-closed 120B up …` */
export function formatConnectionText(line: ConnectionLine): string {
  const errors = line.attemptErrors?.map((failed) => `${failed.upstream} ${failed.address}: ${failed.error}`) ?? []
  const words = [
    line.time,
    'CONN ',
    textValue(line.service),
    line.client,
    '->',
    line.upstream === null ? '-' : textValue(line.upstream),
    line.reason,
    `${line.durationMs}ms`,
    `to-upstream=${line.bytesToUpstream}`,
    `to-client=${line.bytesToClient}`,
    `id=${line.id}`,
  ]
  if (errors.length > 0) words.push(`failed=${JSON.stringify(errors.join('; '))}`)
  return `${words.join(' ')}\n`
}
