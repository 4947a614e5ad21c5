import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { CLOSE_REASON_CODES } from '../../traffic/close-reason.ts'
import { type ConnectionRecord, LogRingWriter, ringBytes } from '../../traffic/log-ring.ts'
import type { LogConnections } from '../../traffic/tables.ts'
import { ConnectionLog } from './connection-log.ts'
import { KnownNames } from './known-names.ts'

const RECORD: ConnectionRecord = {
  timeMs: 0,
  sequence: 1,
  durationMs: 1,
  connectMs: 1,
  queueMs: -1,
  firstByteMs: 1,
  bytesToUpstream: 0,
  bytesToClient: 0,
  serviceIndex: 0,
  listenerIndex: 0,
  upstreamIndex: -1,
  upstreamAddressIndex: -1,
  reasonCode: CLOSE_REASON_CODES['client-left'],
  attempts: 0,
  clientRttUs: -1,
  upstreamRttUs: -1,
  clientRetransmits: -1,
  upstreamRetransmits: -1,
  clientPort: 1,
  clientFamily: 4,
  clientAddress: new Uint8Array(16),
  failedAttempts: [],
}

function setUp(connections: LogConnections) {
  const { log, records } = capturedLog()
  const rings = [new SharedArrayBuffer(ringBytes(20)), new SharedArrayBuffer(ringBytes(20))]
  const refused = { service: 'web', reason: 'refused-ceiling', clients: 3 } as const
  const names = new KnownNames()
  const connectionLog = new ConnectionLog({
    log,
    connections,
    bootId: '000000000000',
    rings,
    names,
    refusedCounts: () => [refused],
  })
  return { connectionLog, records, writers: rings.map((ring) => new LogRingWriter(ring)) }
}

test('closing writes every record of every worker, and the sums of refused clients', () => {
  const { connectionLog, records, writers } = setUp('all')
  // More than is read in one piece.
  for (let i = 0; i < 3000; i++) writers[1].write({ ...RECORD, sequence: i })
  writers[0].write(RECORD)
  connectionLog.close()
  const lines = records()
  const connections = lines.filter(({ event }) => event === 'connection')
  assert.equal(connections.length, 3001)
  assert.equal(new Set(connections.map(({ id }) => id)).size, 3001)
  const { event, service, reason, clients } = lines.at(-1)!
  assert.deepEqual(
    { event, service, reason, clients },
    { event: 'refused', service: 'web', reason: 'refused-ceiling', clients: 3 },
  )
})

test('log.connections refused writes sums only, none writes nothing, and both empty the rings', () => {
  for (const [connections, expected] of [
    ['refused', ['refused']],
    ['none', []],
  ] as const) {
    const { connectionLog, records, writers } = setUp(connections)
    for (let i = 0; i < 100; i++) writers[0].write(RECORD)
    connectionLog.close()
    assert.deepEqual(
      records().map(({ event }) => event),
      expected,
    )
  }
})
