import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { crc32c, crc32cWithZeroedField } from './crc32c.ts'
import { fromAscii, fromHex } from './raw-header.test.ts'

describe('crc32c', () => {
  test('gives the check value of CRC-32C and the vectors of RFC 3720 B.4', () => {
    const vectors: readonly [bytes: Uint8Array, crc: number][] = [
      [fromAscii('123456789'), 0xe3069283],
      [new Uint8Array(0), 0],
      [new Uint8Array(32), 0x8a9136aa],
      [new Uint8Array(32).fill(0xff), 0x62a8ab43],
      [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
      [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ]
    for (const [bytes, crc] of vectors) assert.equal(crc32c(bytes, 0, bytes.length) >>> 0, crc)
  })

  test('covers only the range it is asked for', () => {
    assert.equal(crc32c(fromAscii('ab123456789cd'), 2, 11) >>> 0, 0xe3069283)
  })

  test('is a signed 32-bit number', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) =>
        Object.is(crc32c(bytes, 0, bytes.length) | 0, crc32c(bytes, 0, bytes.length)),
      ),
    )
  })

  test('reads a zeroed field as zeros without writing', () => {
    const property = fc.property(fc.uint8Array({ minLength: 4, maxLength: 80 }), fc.nat(), (bytes, n) => {
      const fieldAt = n % (bytes.length - 3)
      const zeroed = bytes.slice().fill(0, fieldAt, fieldAt + 4)
      const before = bytes.slice()
      assert.equal(crc32cWithZeroedField(bytes, 0, bytes.length, fieldAt), crc32c(zeroed, 0, zeroed.length))
      assert.deepEqual(bytes, before)
    })
    fc.assert(property)
  })

  test('sees every single flipped bit of a header', () => {
    const header = fromHex('0d0a0d0a000d0a515549540a21110013c0000201c0000202007b162e0300040000 0000')
    const crc = crc32c(header, 0, header.length)
    for (let bit = 0; bit < header.length * 8; bit++) {
      const flipped = header.slice()
      flipped[bit >> 3] ^= 1 << (bit & 7)
      assert.notEqual(crc32c(flipped, 0, flipped.length), crc)
    }
  })
})
