import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes, count, duration, milliseconds } from './format.ts'

test('bytes are of the unit that leaves few digits', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 150 * 1024, 2 ** 40].map(bytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '150 KiB',
    '1.0 TiB',
  ])
})

test('counts, times and spans are short', () => {
  assert.deepEqual([0, 0.25, 9.96, 12.4, 12_345].map(count), ['0', '0.3', '10', '12', '12,345'])
  assert.deepEqual([0.043, 0.4, 9.94, 12.4, 1500].map(milliseconds), ['0.04 ms', '0.4 ms', '9.9 ms', '12 ms', '1.5 s'])
  assert.deepEqual([0, 61_000, 90_000_000].map(duration), ['0 s', '1 min 1 s', '1 d 1 h'])
})
