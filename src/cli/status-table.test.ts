import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeForTest } from '../../test/harness/node-for-test.ts'
import { nodeStatus } from '../api/status.ts'
import { CLOSE_REASON_CODES } from '../traffic/close-reason.ts'
import { SERVICE, UPSTREAM } from '../traffic/counters.ts'
import { PLAIN } from './painter.ts'
import { duration, size, statusText } from './status-table.ts'

test('one look shows totals, two looks show rates', () => {
  const node = nodeForTest()
  const { services, upstreams } = node.memory.workers[0].counters
  services[SERVICE.open] = 2
  services[SERVICE.total] = 10
  services[SERVICE.bytesToClient] = 1024
  services[SERVICE.closed + CLOSE_REASON_CODES['client-closed']] = 8
  upstreams[UPSTREAM.open] = 2
  const first = { atMs: 0, status: nodeStatus(node) }
  const text = statusText(first, undefined, PLAIN)
  assert.match(text, /^tidegate 1\.2\.3 {2}ready {2}engine linux/)
  assert.match(text, /connections 0 of 1,000 \(0\.0%\) {2}workers busy 0% 0%/)
  assert.match(text, /^web {2}raw {2}\*:443\n {2}open 2 {2}total 10 {2}to upstream 0 B {2}to client 1\.0 KiB$/m)
  assert.match(text, /^ {2}closed: client-closed 8$/m)
  assert.match(text, /^ {2}main +up +2 +0 +0 +- +203\.0\.113\.10:443 203\.0\.113\.11:443$/m)

  services[SERVICE.total] = 30
  services[SERVICE.bytesToClient] += 4 * 1024 * 1024
  const later = statusText({ atMs: 2000, status: nodeStatus(node) }, first, PLAIN)
  assert.match(
    later,
    /open 2 {2}total 30 \(10\.0\/s\) {2}to upstream 0 B \(0 B\/s\) {2}to client 4\.0 MiB \(2\.0 MiB\/s\)/,
  )
})

test('names from the other side cannot move the cursor', () => {
  const node = nodeForTest()
  const status = nodeStatus(node)
  status.services[0].name = 'a\u001b[2Jb\n'
  assert.match(statusText({ atMs: 0, status }, undefined, PLAIN), /^a\?\[2Jb\?/m)
})

test('sizes and durations are short', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 2 ** 40, 2 ** 60].map(size), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '1.0 TiB',
    '1024.0 PiB',
  ])
  assert.deepEqual([0, 59_999, 192_000, 187_200_000].map(duration), ['0s', '59s', '3m 12s', '2d 4h'])
})
