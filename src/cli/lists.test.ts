import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ListStatus } from '../api/contract.ts'
import { checkIpText } from './check-ip.ts'
import { listsText } from './lists.ts'
import { PLAIN } from './painter.ts'

const LIST: ListStatus = {
  name: 'drop',
  kept: null,
  action: 'deny',
  file: '/etc/tidegate/drop.txt',
  entries: 1234,
  badLines: 0,
  firstBadLines: [],
  readAt: '2026-11-21T00:00:00.000Z',
  problem: null,
}

test('lists as a table, with what is wrong below it', () => {
  const bad = {
    ...LIST,
    name: 'bad',
    badLines: 3,
    firstBadLines: [{ line: 7, message: '"x\u001b" is not an address' }],
  }
  const stale = { ...LIST, name: 'stale', problem: 'cannot be read: there is no such file' }
  assert.deepEqual(listsText([LIST, bad, stale], PLAIN).split('\n'), [
    '  list   action  entries  bad lines  read                      file',
    '  drop   deny    1,234    0          2026-11-21T00:00:00.000Z  /etc/tidegate/drop.txt',
    '  bad    deny    1,234    3          2026-11-21T00:00:00.000Z  /etc/tidegate/drop.txt',
    '  stale  deny    1,234    0          2026-11-21T00:00:00.000Z  /etc/tidegate/drop.txt',
    '/etc/tidegate/drop.txt:7: "x?" is not an address',
    '/etc/tidegate/drop.txt: and 2 more lines',
    'stale: /etc/tidegate/drop.txt cannot be read: there is no such file; what was read before is in force',
  ])
  assert.equal(listsText([], PLAIN), 'No list names anybody.')
})

test('check-ip says the verdict first, then each finding', () => {
  const finding = { code: 'denied', text: '192.0.2.0/24 of list drop (drop.txt:2): SBL\u0007' }
  const answer = { address: '192.0.2.1', verdict: 'refused', reason: 'refused-deny-list', findings: [finding] } as const
  const dropped = { code: 'dropped-in-kernel', text: 'The kernel drops it.' }
  assert.deepEqual(checkIpText({ ...answer, findings: [finding, dropped] }, PLAIN).split('\n'), [
    '192.0.2.1 is refused (refused-deny-list).',
    '  denied             192.0.2.0/24 of list drop (drop.txt:2): SBL?',
    '  dropped-in-kernel  The kernel drops it.',
  ])
})
