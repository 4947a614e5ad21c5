import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NotificationsAnswer } from '../api/contract.ts'
import { notificationsText, testText } from './notify-text.ts'
import { PLAIN } from './painter.ts'

const AT = '2026-11-21T18:00:00.000Z'
const LATER = '2026-11-21T19:00:00.000Z'
const CHANNEL = {
  type: 'webhook',
  to: 'hooks.example.com',
  waiting: 0,
  sent: 1200,
  failed: 0,
  nextAttempt: null,
} as const

test('nobody, and nothing to tell', () => {
  assert.match(notificationsText({ channels: [], rules: [], deliveries: [] }, PLAIN), /^Nobody is told of anything/)
  assert.match(testText({ results: [] }, PLAIN), /^There is no channel/)
})

test('channels, rules and messages stand under each other, and nothing of others moves the cursor', () => {
  const answer: NotificationsAnswer = {
    channels: [
      { ...CHANNEL, name: 'ops', lastSent: LATER, lastError: { at: AT, text: 'answered 500' } },
      { ...CHANNEL, name: 'chat', lastSent: null, lastError: { at: AT, text: 'a\u001b[2Jb' } },
    ],
    rules: [
      {
        name: 'up',
        when: 'upstream',
        about: 'an upstream is down',
        channels: ['ops'],
        gapMs: 1,
        active: [],
        lastSent: null,
      },
      {
        name: 'a',
        when: 'attack',
        about: 'a service is under attack',
        channels: [],
        gapMs: 1,
        active: [{ text: 'web is under attack', since: AT }],
        lastSent: AT,
      },
    ],
    deliveries: [
      { id: '1', at: AT, channel: 'ops', rule: 'a', title: 'web\u001b]0;x', state: 'failed', attempts: 8, error: 'no' },
    ],
  }
  const painted: string[] = []
  const text = notificationsText(answer, (style, line) => {
    if (style === 'red' || style === 'yellow') painted.push(`${style} ${line.trim().split(' ')[0]}`)
    return line
  })
  assert.deepEqual(text.split('\n'), [
    '  channel  type     to                 sent   waiting  given up  last sent             last error',
    '  ops      webhook  hooks.example.com  1,200  0        0         2026-11-21 19:00:00Z  2026-11-21 18:00:00Z answered 500',
    '  chat     webhook  hooks.example.com  1,200  0        0         never                 2026-11-21 18:00:00Z a?[2Jb',
    '',
    '  rule  what                       tells      last sent             now',
    '  up    an upstream is down        ops        never                 -',
    '  a     a service is under attack  everybody  2026-11-21 18:00:00Z  web is under attack',
    '',
    '  2026-11-21 18:00:00Z  ops  failed  web?]0;x  (no)',
    '',
  ])
  assert.deepEqual(painted, ['red chat', 'yellow a', 'red 2026-11-21'])
})

test('a test says who took it', () => {
  const results = [
    { channel: 'ops', ok: true, ms: 12, error: null },
    { channel: 'chat', ok: false, ms: 3, error: 'answered 403' },
  ]
  assert.equal(testText({ results }, PLAIN), 'ops: taken after 12 ms.\nchat: not taken: answered 403.\n')
})
