import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeWireRules } from './make-wire-rules.ts'
import { protectSchema } from './protect-schema.ts'

function firstByteTimeoutMs(protect: Record<string, string>): number {
  return makeWireRules(protectSchema.parse(protect)).firstByteTimeoutMs
}

test('a first byte is waited for as long as the file says, else by who has to speak first', () => {
  assert.equal(firstByteTimeoutMs({}), 300_000)
  assert.equal(firstByteTimeoutMs({ dialOn: 'first-byte' }), 30_000)
  assert.equal(firstByteTimeoutMs({ dialOn: 'first-byte', firstByteTimeout: '2m' }), 120_000)
  assert.equal(firstByteTimeoutMs({ firstByteTimeout: '1s' }), 1000)
  assert.equal(firstByteTimeoutMs({ firstByteTimeout: 'off' }), 0)
})
