import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusForTest } from '../../test/harness/status-for-test.ts'
import { PLAIN } from './painter.ts'
import { duration, size, statusText } from './status-table.ts'

test('one look shows totals', () => {
  assert.equal(
    statusText({ atMs: 0, status: statusForTest() }, undefined, PLAIN),
    [
      'tidegate 1.2.3  ready  engine linux  up 3m 12s',
      'connections 2 of 1,000 (0.2%)  workers busy 3% 0%',
      '',
      'web  raw  *:443',
      '  open 2  total 10  to upstream 0 B  to client 1.0 KiB',
      '  closed: client-closed 8',
      '  upstream  state    open  connects  failed  mean connect  check  addresses',
      '  main      up       2     10        1       1.3 ms        -      203.0.113.10:443 203.0.113.11:443!',
      '  spare     failing  0     0         3       -             -      203.0.113.20:443!',
      '',
    ].join('\n'),
  )
})

test('two looks show rates', () => {
  const later = statusForTest()
  later.services[0].connectionsTotal = 30
  later.services[0].bytesToClient += 4 * 1024 * 1024
  const text = statusText({ atMs: 2000, status: later }, { atMs: 0, status: statusForTest() }, PLAIN)
  assert.match(
    text,
    /open 2 {2}total 30 \(10\.0\/s\) {2}to upstream 0 B \(0 B\/s\) {2}to client 4\.0 MiB \(2\.0 MiB\/s\)/,
  )
})

test('dropped log lines and refused clients are shown when there are any', () => {
  const status = statusForTest()
  status.logDropped = 5
  status.services[0].refused = { 'refused-ceiling': 1234 }
  const text = statusText({ atMs: 0, status }, undefined, PLAIN)
  assert.match(text, /^log lines dropped: 5$/m)
  assert.match(text, /^ {2}refused: refused-ceiling 1,234$/m)
})

test('an upstream that a check found down says why', () => {
  const status = statusForTest()
  const at = '2026-11-21T00:00:00.000Z'
  status.services[0].upstreams[0].check = { result: 'up', reason: 'GET http://203.0.113.10/: HTTP 200', ms: 1.25, at }
  status.services[0].upstreams[1].found = 'down'
  status.services[0].upstreams[1].check = { result: 'down', reason: 'connect to x: re\u001bfused', ms: 120, at }
  const text = statusText({ atMs: 0, status }, undefined, PLAIN)
  assert.match(text, /^ {2}main +up .* up, 1\.3 ms +203/m)
  assert.match(text, /^ {2}spare +check down .* down, 120 ms +203/m)
  assert.match(text, /^ {2}spare is down: connect to x: re\?fused$/m)
})

test('names from the other side cannot move the cursor', () => {
  const status = statusForTest()
  status.services[0].name = 'a\u001b[2Jb\n'
  assert.match(statusText({ atMs: 0, status }, undefined, PLAIN), /^a\?\[2Jb\?/m)
})

test('sizes and durations are short', () => {
  const sizes = [0, 1023, 1024, 1536, 2 ** 40, 2 ** 60].map(size)
  assert.deepEqual(sizes, ['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '1.0 TiB', '1024.0 PiB'])
  assert.deepEqual([0, 59_999, 192_000, 187_200_000].map(duration), ['0s', '59s', '3m 12s', '2d 4h'])
})

test('a store that does not keep what it should says why', () => {
  const status = statusForTest()
  assert.doesNotMatch(statusText({ atMs: 0, status }, undefined, PLAIN), /store/)
  status.store = { state: 'failing', code: 'E_STORE_FULL', why: 'There is no room to write x.' }
  assert.match(statusText({ atMs: 0, status }, undefined, PLAIN), /^store failing: There is no room to write x\.$/m)
})
