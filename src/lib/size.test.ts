import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatSize, parseSize, SIZE_BYTES_MAX } from './size.ts'

const GOOD: readonly (readonly [text: string, bytes: number])[] = [
  ['0', 0],
  ['1400', 1_400],
  ['1400B', 1_400],
  ['64KiB', 65_536],
  ['1MiB', 1_048_576],
  ['1GiB', 1_073_741_824],
]

for (const [text, bytes] of GOOD) {
  test(`parseSize reads ${text} as ${bytes} bytes`, () => {
    assert.deepEqual(parseSize(text), { ok: true, value: bytes })
  })
}

const BAD: readonly (readonly [text: string, says: RegExp])[] = [
  ['', /is not a size/],
  ['64KB', /write 64KiB/],
  ['64k', /write 64KiB/],
  ['1 MB', /write 1MiB/],
  ['1m', /write 1MiB/],
  ['2GiB', /too large/],
  ['-1', /negative/],
  ['1.5MiB', /is not a size/],
  ['64kib', /write 64KiB/],
  ['1TiB', /is not a size/],
]

for (const [text, says] of BAD) {
  test(`parseSize refuses ${JSON.stringify(text)}`, () => {
    const parsed = parseSize(text)
    assert.ok(!parsed.ok)
    assert.match(parsed.problem, says)
  })
}

test('every number of bytes survives formatting and parsing', () => {
  const anyBytes = fc.oneof(
    fc.integer({ min: 0, max: SIZE_BYTES_MAX }),
    fc.integer({ min: 0, max: 2047 }).map((mebibytes) => mebibytes * 2 ** 20),
  )
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      assert.deepEqual(parseSize(formatSize(bytes)), { ok: true, value: bytes })
    }),
  )
})
