import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import { CLOSE_REASON_CODES } from '../../traffic/close-reason.ts'
import { ATTEMPT_OVERTAKEN, ATTEMPT_TIMED_OUT, type ConnectionRecord } from '../../traffic/log-ring.ts'
import type { Service, Tables } from '../../traffic/tables.ts'
import { formatConnectionJson } from './connection-json.ts'
import { formatConnectionText, makeConnectionLine } from './connection-line.ts'
import { KnownNames } from './known-names.ts'

const TABLES: Tables = {
  version: 1,
  logConnections: 'all',
  services: [
    {
      index: 0,
      name: 'web',
      connectTimeoutMs: 5000,
      listeners: [
        { index: 0, dualStack: false, address: { family: 6, address: '2001:db8::1', port: 443 } },
        { index: 1, dualStack: true, address: { family: 6, address: '::', port: 80 } },
      ],
      upstreams: [
        { index: 0, name: 'first' },
        { index: 1, name: 'spare "b"\n' },
      ],
      candidates: [
        { upstreamIndex: 0, addressIndex: 7, address: { family: 4, address: '203.0.113.10', port: 443 } },
        { upstreamIndex: 1, addressIndex: 8, address: { family: 6, address: '2001:db8::10', port: 443 } },
      ],
    } as unknown as Service,
  ],
}

const RECORD: ConnectionRecord = {
  timeMs: Date.UTC(2026, 10, 21, 4, 5, 6, 789),
  sequence: 258,
  durationMs: 1234.56789,
  connectMs: 0.5,
  queueMs: 17,
  firstByteMs: 2,
  bytesToUpstream: 10,
  bytesToClient: 2 ** 40,
  serviceIndex: 0,
  listenerIndex: 0,
  upstreamIndex: 0,
  upstreamAddressIndex: 7,
  reasonCode: CLOSE_REASON_CODES['client-closed'],
  attempts: 1,
  clientRttUs: 1500,
  upstreamRttUs: 20,
  clientRetransmits: 2,
  upstreamRetransmits: 1,
  clientPort: 50000,
  clientFamily: 4,
  clientAddress: Uint8Array.of(192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  failedAttempts: [],
}

/** The JSON that is put together by hand is held to the object in every test. */
function lineOf(changes: Partial<ConnectionRecord> = {}): ReturnType<typeof makeConnectionLine> {
  const names = new KnownNames()
  names.learn(TABLES)
  const record = { ...RECORD, ...changes }
  const origin = { bootId: 'abcdef012345', workerIndex: 3 }
  const line = makeConnectionLine(record, origin, names)
  assert.equal(formatConnectionJson(record, origin, names), `${JSON.stringify(line)}\n`)
  return line
}

test('a connection line has exactly the fields of the contract, in this order', () => {
  assert.equal(
    JSON.stringify(lineOf()),
    JSON.stringify({
      event: 'connection',
      time: '2026-11-21T04:05:06.789Z',
      service: 'web',
      id: 'abcdef012345030000000102',
      client: '192.0.2.1:50000',
      listener: '[2001:db8::1]:443',
      upstream: 'first',
      attempts: 1,
      reason: 'client-closed',
      bytesToUpstream: 10,
      bytesToClient: 1_099_511_627_776,
      durationMs: 1234.568,
      queueMs: 17,
      connectMs: 0.5,
      firstByteMs: 2,
      clientRttMs: 1.5,
      upstreamRttMs: 0.02,
      retransmits: 3,
      clientRetransmits: 2,
      upstreamRetransmits: 1,
    }),
  )
})

test('what the engine does not know is null', () => {
  const line = lineOf({
    upstreamIndex: -1,
    queueMs: -1,
    connectMs: -1,
    firstByteMs: -1,
    clientRttUs: -1,
    upstreamRttUs: -1,
    clientRetransmits: -1,
    upstreamRetransmits: -1,
  })
  const { upstream, queueMs, connectMs, firstByteMs, clientRttMs, upstreamRttMs, retransmits, upstreamRetransmits } =
    line
  assert.deepEqual(
    [upstream, queueMs, connectMs, firstByteMs, clientRttMs, upstreamRttMs, retransmits, upstreamRetransmits],
    [null, null, null, null, null, null, null, null],
  )
  assert.equal(lineOf({ upstreamRetransmits: -1 }).retransmits, 2)
})

test('each failed attempt names its upstream, the address and the error', () => {
  const failedAttempts = [
    { upstreamIndex: 0, upstreamAddressIndex: 7, error: constants.errno.ECONNREFUSED, durationMs: 1 },
    { upstreamIndex: 1, upstreamAddressIndex: 8, error: ATTEMPT_TIMED_OUT, durationMs: 5003 },
    { upstreamIndex: 1, upstreamAddressIndex: 99, error: 9999, durationMs: 0 },
    { upstreamIndex: 0, upstreamAddressIndex: 7, error: ATTEMPT_OVERTAKEN, durationMs: 250 },
  ]
  const { attemptErrors } = lineOf({ failedAttempts, reasonCode: CLOSE_REASON_CODES['upstream-unreachable'] })
  assert.deepEqual(attemptErrors?.slice(0, 2), [
    { upstream: 'first', address: '203.0.113.10:443', error: 'ECONNREFUSED', ms: 1 },
    { upstream: 'spare "b"\n', address: '[2001:db8::10]:443', error: 'timeout after 5000 ms', ms: 5003 },
  ])
  assert.equal(attemptErrors?.[2].address, 'address 99')
  assert.equal(attemptErrors?.[3].error, 'overtaken')
})

test('IPv6 clients have brackets, mapped ones are IPv4, and *:PORT stays *:PORT', () => {
  const v6 = Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
  assert.equal(lineOf({ clientFamily: 6, clientAddress: v6 }).client, '[2001:db8::1]:50000')
  const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9)
  assert.equal(lineOf({ clientFamily: 6, clientAddress: mapped }).client, '192.0.2.9:50000')
  assert.equal(lineOf({ listenerIndex: 1 }).listener, '*:80')
})

test('the readable form is one line, whatever names hold', () => {
  const text = formatConnectionText(lineOf({ upstreamIndex: 1 }))
  assert.equal(text.indexOf('\n'), text.length - 1)
  assert.match(text, /web 192\.0\.2\.1:50000 -> "spare \\"b\\"\\n" client-closed 1234\.568ms/)
})
