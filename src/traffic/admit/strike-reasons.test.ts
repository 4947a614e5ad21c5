import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES } from '../close-reason.ts'
import type { CloseReason } from '../close-reason.ts'
import { NO_STRIKE, strikeFor } from './strike-reasons.ts'
import { STRIKE_NAMES } from './strikes.ts'

function strikeOf(reason: CloseReason, couldBeUsed: boolean, bytes: number): string | undefined {
  const code = strikeFor(CLOSE_REASON_CODES[reason], couldBeUsed, bytes)
  return code === NO_STRIKE ? undefined : STRIKE_NAMES[code]
}

test('an end for misbehaviour is a strike of its own, whatever was carried', () => {
  assert.equal(strikeOf('slow-read', true, 1_000_000), 'slow-read')
  assert.equal(strikeOf('slow-send', true, 12), 'slow-send')
  assert.equal(strikeOf('tiny-segments', true, 4000), 'tiny-segments')
  assert.equal(strikeOf('first-byte-timeout', true, 0), 'first-byte')
  assert.equal(strikeOf('proxy-header-invalid', false, 0), 'proxy-header')
  assert.equal(strikeOf('proxy-header-timeout', false, 0), 'proxy-header')
})

test('a client that ends a connection without a byte is struck, one that used it is not', () => {
  for (const reason of [
    'client-closed',
    'client-reset',
    'client-lost',
    'client-left',
    'idle-timeout',
    'made-way',
  ] as const) {
    assert.equal(strikeOf(reason, true, 0), 'unused', reason)
    assert.equal(strikeOf(reason, true, 1), undefined, reason)
  }
})

test('a client that gives up before an upstream was there is not to blame', () => {
  assert.equal(strikeOf('client-left', false, 0), undefined)
})

test("no end of ours or of the upstream's making is a strike", () => {
  const own: CloseReason[] = ['upstream-closed', 'upstream-reset', 'upstream-down', 'upstream-unreachable', 'drained']
  for (const reason of [...own, 'out-of-memory', 'internal-error', 'lifetime', 'half-closed-timeout'] as const) {
    assert.ok(CLOSE_REASON_NAMES.includes(reason))
    assert.equal(strikeOf(reason, true, 0), undefined, reason)
  }
})
