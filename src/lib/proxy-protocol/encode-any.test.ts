import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SocketAddress } from '../ip.ts'
import { encodeV1, encodeV2 } from './encode-any.ts'
import { addressesText, assertHeader, fromAscii, fromHex } from './raw-header.test.ts'

function at(address: string, port: number): SocketAddress {
  return { family: address.includes(':') ? 6 : 4, address, port }
}

const IPV4 = { source: at('192.0.2.1', 123), destination: at('192.0.2.2', 5678) }

describe('the general encoder', () => {
  test('gives the known headers with CRC32C', () => {
    const proxy = encodeV2({ command: 'proxy', addresses: IPV4, crc32c: true })
    assert.deepEqual(proxy, fromHex('0d0a0d0a000d0a515549540a21110013c0000201c0000202007b162e0300041c2b486c'))
    const local = encodeV2({ command: 'local', crc32c: true })
    assert.deepEqual(local, fromHex('0d0a0d0a000d0a515549540a20000007030004a9b87e8f'))
  })

  test('gives LOCAL with length 0, as a health check should send it [PROXY 2.2]', () => {
    assert.deepEqual(encodeV2({ command: 'local' }), fromHex('0d0a0d0a000d0a515549540a20000000'))
  })

  test('gives the example line of the specification', () => {
    const addresses = { source: at('192.168.0.1', 56324), destination: at('192.168.0.11', 443) }
    assert.deepEqual(encodeV1(addresses), fromAscii('PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n'))
    assert.deepEqual(encodeV1(undefined), fromAscii('PROXY UNKNOWN\r\n'))
  })

  test('counts TLVs in the length, in any number and order', () => {
    const tlvs = [
      { type: 0x02, value: fromAscii('example.org') },
      { type: 0xe1, value: new Uint8Array(0) },
      { type: 0x02, value: fromAscii('example.net') },
    ]
    const header = assertHeader(encodeV2({ command: 'proxy', addresses: IPV4, tlvs, crc32c: true }))
    assert.deepEqual(header.tlvs, tlvs)
    assert.equal(header.headerBytes, 16 + 12 + 14 + 3 + 14 + 7)
  })

  test('counts to the last byte that 16 bits can say', () => {
    const tlv = (bytes: number) => ({ type: 0xe0, value: new Uint8Array(bytes) })
    for (const bytes of [127, 128, 255, 256, 300, 4000]) {
      const header = assertHeader(encodeV2({ command: 'proxy', addresses: IPV4, tlvs: [tlv(bytes)] }))
      assert.deepEqual(header.tlvs, [tlv(bytes)])
    }
    const longest = encodeV2({ command: 'local', tlvs: [tlv(65_532)] })
    assert.deepEqual(longest.subarray(14, 19), fromHex('ffffe0fffc'))
    assert.throws(() => encodeV2({ command: 'local', tlvs: [tlv(65_533)] }), RangeError)
  })

  test('says UDP where it is told to', () => {
    assert.equal(encodeV2({ command: 'proxy', addresses: IPV4, transport: 'dgram' })[13], 0x12)
  })

  test('promotes IPv4 beside IPv6 and brings mapped pairs back', () => {
    const mixed = { source: at('192.0.2.1', 1), destination: at('2001:db8::1', 2) }
    assert.equal(encodeV2({ command: 'proxy', addresses: mixed })[13], 0x21)
    assert.deepEqual(encodeV1(mixed), fromAscii('PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 1 2\r\n'))
    assert.equal(addressesText(assertHeader(encodeV1(mixed))), '192.0.2.1:1 > [2001:db8::1]:2')
    const mapped = { source: at('::ffff:192.0.2.1', 1), destination: at('::ffff:192.0.2.2', 2) }
    assert.equal(encodeV2({ command: 'proxy', addresses: mapped })[13], 0x11)
  })

  test('refuses what a header cannot say', () => {
    const bad = { ...IPV4, source: at('192.0.2.256', 1) }
    assert.throws(() => encodeV2({ command: 'proxy', addresses: bad }), /192\.0\.2\.256 is not an IP address/)
    for (const port of [-1, 65536, 0.5]) {
      const addresses = { ...IPV4, destination: at('192.0.2.2', port) }
      assert.throws(() => encodeV1(addresses), /is not a port/)
      assert.throws(() => encodeV2({ command: 'proxy', addresses }), /is not a port/)
    }
    const tlvs = [{ type: 1, value: new Uint8Array(65536) }]
    assert.throws(() => encodeV2({ command: 'local', tlvs }), /a TLV of 65536 bytes/)
    const two = [40_000, 30_000].map((bytes) => ({ type: 1, value: new Uint8Array(bytes) }))
    assert.throws(() => encodeV2({ command: 'local', tlvs: two }), /70006 bytes behind the first 16/)
  })
})
