import assert from 'node:assert/strict'
import { isIPv6 } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatIp, isMappedIpv4, parseIp } from '../ip.ts'
import { writeDecimal, writeIpv4, writeIpv6, writeMappedIpv4 } from './address-text.ts'

type Write = (bytes: Uint8Array, from: number, target: Uint8Array, at: number) => number

function textOf(write: Write, bytes: Uint8Array): string {
  const target = new Uint8Array(64).fill(0x2a)
  const end = write(Uint8Array.of(9, ...bytes), 1, target, 3)
  assert.equal(target[2], 0x2a)
  assert.equal(target[end], 0x2a)
  return Buffer.from(target.subarray(3, end)).toString('latin1')
}

/** Zeros are what compression is about, so every group is as likely zero as not. */
const ipv6Bytes = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 15 })), {
    minLength: 8,
    maxLength: 8,
  })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])))

describe('address text', () => {
  test('a decimal is what String makes of it, for every port', () => {
    const target = new Uint8Array(8)
    for (let port = 0; port <= 0xffff; port++) {
      const text = Buffer.from(target.subarray(1, writeDecimal(port, target, 1))).toString('latin1')
      if (text !== String(port)) assert.equal(text, String(port))
    }
  })

  test('IPv4 is dotted decimal', () => {
    for (const text of ['0.0.0.0', '9.10.99.100', '255.255.255.255', '192.0.2.1']) {
      assert.equal(textOf(writeIpv4, parseIp(text) as Uint8Array), text)
    }
  })

  test('IPv6 follows RFC 5952', () => {
    const texts = [
      '::',
      '::1',
      '1::',
      '2001:db8::1',
      '2001:db8:0:1:1:1:1:1',
      '2001:0:0:1::1',
      '2001:db8::1:0:0:1',
      '1:2:3:4:5:6:7:8',
      'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      '1:0:0:2::',
      '::2:0:0:3:0',
      'a0:b00:c:d000::',
      '1000:100:10:1:fff:ff:f:1001',
    ]
    for (const text of texts) assert.equal(textOf(writeIpv6, parseIp(text) as Uint8Array), text)
  })

  test('IPv6 agrees with formatIp for any address that is not mapped', () => {
    const property = fc.property(ipv6Bytes, (bytes) => {
      fc.pre(!isMappedIpv4(bytes))
      const text = textOf(writeIpv6, bytes)
      assert.equal(text, formatIp(bytes))
      assert.ok(isIPv6(text))
      assert.deepEqual(parseIp(text), bytes)
    })
    fc.assert(property, { numRuns: 2000 })
  })

  test('IPv4 inside IPv6 is written with dots', () => {
    assert.equal(textOf(writeMappedIpv4, Uint8Array.of(192, 0, 2, 1)), '::ffff:192.0.2.1')
  })
})
