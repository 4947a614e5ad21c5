/** Writes the log record of a connection that is about to end, with what the kernel knows of both its sockets. */
import { WORKER } from '../counters.ts'
import type { ConnectionRecord, FailedAttempt } from '../log-ring.ts'
import { addressAt, NUMBER, NUMBERS, STAGE } from './connection.ts'
import type { Connection, Half } from './connection.ts'
import type { Loop } from './loop.ts'

const NONE: FailedAttempt[] = []

/** Filled and written, again and again: a record of its own for each connection would be garbage. */
const record: ConnectionRecord = {
  timeMs: 0,
  sequence: 0,
  durationMs: 0,
  connectMs: 0,
  queueMs: -1,
  firstByteMs: 0,
  bytesToUpstream: 0,
  bytesToClient: 0,
  serviceIndex: 0,
  listenerIndex: 0,
  upstreamIndex: -1,
  upstreamAddressIndex: -1,
  reasonCode: 0,
  attempts: 0,
  clientRttUs: -1,
  upstreamRttUs: -1,
  clientRetransmits: 0,
  upstreamRetransmits: 0,
  clientPort: 0,
  clientFamily: 4,
  clientAddress: new Uint8Array(16),
  failedAttempts: NONE,
}

export function recordConnection(loop: Loop, connection: Connection): void {
  const numbers = loop.pool.numbers
  const at = connection.slot * NUMBERS
  record.timeMs = Date.now()
  record.sequence = numbers[at + NUMBER.sequence]
  record.durationMs = loop.nowMs - numbers[at + NUMBER.startedMs]
  record.connectMs = numbers[at + NUMBER.connectMs]
  record.queueMs = Math.round(numbers[at + NUMBER.queueMs])
  record.firstByteMs = numbers[at + NUMBER.firstByteMs]
  record.bytesToUpstream = numbers[at + NUMBER.bytesToUpstream]
  record.bytesToClient = numbers[at + NUMBER.bytesToClient]
  record.serviceIndex = connection.plan.service.index
  record.listenerIndex = connection.listenerIndex
  record.reasonCode = connection.reasonCode
  record.attempts = connection.attempts
  record.failedAttempts = connection.failedAttempts ?? NONE
  writeClient(loop, connection)
  writeUpstream(connection)
  writeTcpInfo(loop, connection)
  if (!loop.logRing.write(record)) loop.counters.worker[WORKER.logRecordsDropped] += 1
}

function writeClient(loop: Loop, connection: Connection): void {
  record.clientPort = connection.clientPort
  record.clientFamily = connection.clientFamily
  const from = addressAt(connection)
  for (let i = 0; i < 16; i++) record.clientAddress[i] = loop.pool.clientAddresses[from + i]
}

function writeUpstream(connection: Connection): void {
  const isConnected = connection.stage === STAGE.relay || connection.stage === STAGE.resetting
  const candidate = isConnected ? connection.plan.service.candidates[connection.candidate] : undefined
  record.upstreamIndex = candidate?.upstreamIndex ?? -1
  record.upstreamAddressIndex = candidate?.addressIndex ?? -1
}

function writeTcpInfo(loop: Loop, connection: Connection): void {
  const knowsClient = readTcpInfo(loop, connection.client)
  record.clientRttUs = knowsClient ? loop.tcpInfo.rttUs : -1
  record.clientRetransmits = knowsClient ? loop.tcpInfo.retransmits : 0
  const knowsUpstream = record.upstreamIndex !== -1 && readTcpInfo(loop, connection.upstream)
  record.upstreamRttUs = knowsUpstream ? loop.tcpInfo.rttUs : -1
  record.upstreamRetransmits = knowsUpstream ? loop.tcpInfo.retransmits : 0
}

function readTcpInfo(loop: Loop, half: Half): boolean {
  return half.fd !== -1 && loop.tcpInfo.read(half.fd)
}
