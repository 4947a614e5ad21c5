import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HeaderFault } from './fault.ts'
import {
  addressesText,
  assertHeader,
  assertInvalid,
  concat,
  fromAscii,
  fromHex,
  IPV4_BLOCK,
  IPV6_BLOCK,
  rawV2,
} from './raw-header.test.ts'
import { TLV_TYPES } from './tlv.ts'
import { decodeProxyHeader } from './decode.ts'
import { encodeV2 } from './encode-any.ts'

const IPV4_TEXT = '192.0.2.1:56324 > 198.51.100.2:443'
const IPV6_TEXT = '[2001:db8::1]:56324 > [2001:db8::2]:443'
const PAYLOAD = fromAscii('\x02\0\x05more data')
const SIGNATURE = '0d0a0d0a000d0a515549540a'

function tlv(type: number, value: Uint8Array, length = value.length): Uint8Array {
  return Uint8Array.of(type, length >> 8, length & 0xff, ...value)
}

/** PROXY over TCP and IPv4 with these bytes behind the addresses. */
function tcp4With(...tlvs: readonly Uint8Array[]): Uint8Array {
  return rawV2(0x21, 0x11, concat(IPV4_BLOCK, ...tlvs))
}

const UNIX_BLOCK = new Uint8Array(216).fill(0x2f)

const VALID: readonly [what: string, bytes: Uint8Array, command: string, addresses: string][] = [
  ['TCP over IPv4', rawV2(0x21, 0x11, IPV4_BLOCK), 'proxy', IPV4_TEXT],
  ['TCP over IPv6', rawV2(0x21, 0x21, IPV6_BLOCK), 'proxy', IPV6_TEXT],
  ['LOCAL', rawV2(0x20, 0x00, new Uint8Array(0)), 'local', 'none'],
  ['LOCAL with IPv4 addresses', rawV2(0x20, 0x11, IPV4_BLOCK), 'local', 'none'],
  ['LOCAL with a family and too few bytes for it', rawV2(0x20, 0x21, fromHex('000000')), 'local', 'none'],
  ['LOCAL with bytes that are no TLVs', rawV2(0x20, 0x00, fromHex('ffffffff')), 'local', 'none'],
  ['LOCAL with an undefined family, which is ignored', rawV2(0x20, 0xff, IPV4_BLOCK), 'local', 'none'],
  ['LOCAL with a wrong CRC32C', rawV2(0x20, 0x00, tlv(3, fromHex('00000000'))), 'local', 'none'],
  ['UNSPEC', rawV2(0x21, 0x00, new Uint8Array(0)), 'proxy', 'none'],
  ['UNSPEC with bytes of no known form', rawV2(0x21, 0x00, fromHex('ffffffffff')), 'proxy', 'none'],
  ['a stream of unspecified family', rawV2(0x21, 0x01, IPV4_BLOCK), 'proxy', 'none'],
  ['IPv4 with unspecified transport', rawV2(0x21, 0x10, IPV4_BLOCK), 'proxy', 'none'],
  ['UDP over IPv4', rawV2(0x21, 0x12, IPV4_BLOCK), 'proxy', 'none'],
  ['UDP over IPv6', rawV2(0x21, 0x22, IPV6_BLOCK), 'proxy', 'none'],
  ['a UNIX stream', rawV2(0x21, 0x31, UNIX_BLOCK), 'proxy', 'none'],
  ['UNIX datagrams', rawV2(0x21, 0x32, UNIX_BLOCK), 'proxy', 'none'],
  ['4096 bytes', tcp4With(tlv(0xe0, new Uint8Array(4096 - 16 - 12 - 3))), 'proxy', IPV4_TEXT],
  ['LOCAL with 4096 bytes', rawV2(0x20, 0x00, new Uint8Array(4080)), 'local', 'none'],
]

/** Where a number stands the decoder must know after so many bytes. */
const INVALID: readonly [what: string, bytes: Uint8Array, reason: HeaderFault, bytesNeeded?: number][] = [
  ['a signature cut at its front', fromHex(SIGNATURE).subarray(2), 'not-a-header', 3],
  ['a signature that ends in another byte', fromHex('0d0a0d0a000d0a515549540b'), 'not-a-header', 12],
  ['CRLF and then v1', fromAscii('\r\nPROXY TCP4'), 'not-a-header', 3],
  ['version 1', rawV2(0x11, 0x11, IPV4_BLOCK), 'v2-version', 13],
  ['version 0', rawV2(0x01, 0x11, IPV4_BLOCK), 'v2-version', 13],
  ['version 3', rawV2(0x31, 0x11, IPV4_BLOCK), 'v2-version', 13],
  ['version 9 with a command of its own', rawV2(0x99, 0x11, IPV4_BLOCK), 'v2-version', 13],
  ['command 2', rawV2(0x22, 0x11, IPV4_BLOCK), 'v2-command', 13],
  ['command 3 with transport f', rawV2(0x23, 0x1f, IPV4_BLOCK), 'v2-command', 13],
  ['command f', rawV2(0x2f, 0x11, IPV4_BLOCK), 'v2-command', 13],
  ['family 4', rawV2(0x21, 0x41, IPV4_BLOCK), 'v2-family', 14],
  ['family 9 and transport 3', rawV2(0x21, 0x93, IPV4_BLOCK), 'v2-family', 14],
  ['family f without transport', rawV2(0x21, 0xf0, IPV4_BLOCK), 'v2-family', 14],
  ['IPv4 without bytes', rawV2(0x21, 0x11, new Uint8Array(0)), 'v2-address-length', 16],
  ['IPv4 with 11 bytes', rawV2(0x21, 0x11, IPV4_BLOCK.subarray(1)), 'v2-address-length', 16],
  ['IPv4 with length 0 and addresses behind', rawV2(0x21, 0x11, IPV4_BLOCK, 0), 'v2-address-length', 16],
  ['IPv6 with 35 bytes', rawV2(0x21, 0x21, IPV6_BLOCK.subarray(1)), 'v2-address-length', 16],
  ['IPv6 with the length of IPv4', rawV2(0x21, 0x21, IPV4_BLOCK), 'v2-address-length', 16],
  ['UDP over IPv4 with 11 bytes', rawV2(0x21, 0x12, IPV4_BLOCK.subarray(1)), 'v2-address-length', 16],
  ['UDP over IPv6 with 35 bytes', rawV2(0x21, 0x22, IPV6_BLOCK.subarray(1)), 'v2-address-length', 16],
  ['UNIX with 215 bytes', rawV2(0x21, 0x31, UNIX_BLOCK.subarray(1)), 'v2-address-length', 16],
  ['UNIX datagrams with 20 bytes', rawV2(0x21, 0x32, new Uint8Array(20)), 'v2-address-length', 16],
  ['4097 bytes', rawV2(0x21, 0x11, IPV4_BLOCK, 4081), 'v2-too-long', 16],
  ['65551 bytes', rawV2(0x21, 0x11, IPV4_BLOCK, 65535), 'v2-too-long', 15],
  ['LOCAL of 4097 bytes', rawV2(0x20, 0x00, IPV4_BLOCK, 4081), 'v2-too-long', 16],
  ['a TLV of one byte', tcp4With(fromHex('e1')), 'v2-tlv-length', 16],
  ['a TLV of two bytes', tcp4With(fromHex('e200')), 'v2-tlv-length', 16],
  ['a TLV without the value it announces', tcp4With(fromHex('e30001')), 'v2-tlv-length', 31],
  ['a TLV with half of the value it announces', tcp4With(fromHex('e3000200')), 'v2-tlv-length', 31],
  ['a TLV that reaches behind the header', tcp4With(tlv(2, fromAscii('12345'), 10)), 'v2-tlv-length', 31],
  ['a TLV one byte short of the end', tcp4With(tlv(2, fromAscii('12345'), 4)), 'v2-tlv-length', 31],
  ['a TLV two bytes short of the end', tcp4With(tlv(2, fromAscii('12345'), 3)), 'v2-tlv-length', 31],
  ['zero padding that is no multiple of 3', tcp4With(fromHex('00000000')), 'v2-tlv-length', 31],
  ['a unique id of 129 bytes', tcp4With(tlv(5, new Uint8Array(129))), 'v2-unique-id', 31],
  ['a CRC32C of 3 bytes', tcp4With(tlv(3, fromHex('000000'))), 'v2-crc32c-length', 31],
  ['an empty CRC32C', tcp4With(tlv(3, fromHex(''))), 'v2-crc32c-length', 31],
  ['a CRC32C of 5 bytes', tcp4With(tlv(3, fromHex('0000000000'))), 'v2-crc32c-length', 31],
  ['a wrong CRC32C', tcp4With(tlv(3, fromHex('00000000'))), 'v2-crc32c-wrong', 35],
  ['two CRC32C', tcp4With(tlv(3, new Uint8Array(4)), tlv(3, new Uint8Array(4))), 'v2-crc32c-twice', 38],
  ['UDP with a wrong CRC32C', rawV2(0x21, 0x12, concat(IPV4_BLOCK, tlv(3, new Uint8Array(4)))), 'v2-crc32c-wrong'],
  ['UDP with broken TLVs', rawV2(0x21, 0x12, concat(IPV4_BLOCK, fromHex('ff'))), 'v2-tlv-length'],
  ['UNIX with broken TLVs', rawV2(0x21, 0x31, concat(UNIX_BLOCK, fromHex('ffff'))), 'v2-tlv-length'],
]

describe('the v2 decoder', () => {
  for (const [what, bytes, command, addresses] of VALID) {
    test(`reads ${what}`, () => {
      const header = assertHeader(concat(bytes, PAYLOAD), bytes.length)
      assert.deepEqual([header.version, header.command, addressesText(header)], [2, command, addresses])
    })
  }

  for (const [what, bytes, reason, bytesNeeded] of INVALID) {
    test(`refuses ${what} for ${reason}`, () => assertInvalid(bytes, reason, bytesNeeded))
  }

  test('accepts no family or transport beyond those defined', () => {
    for (let family = 0; family <= 0xff; family++) {
      const isDefined = family >> 4 <= 3 && (family & 0xf) <= 2
      const { kind } = decodeProxyHeader(rawV2(0x21, family, new Uint8Array(216)), 0, 232)
      assert.equal(kind, isDefined ? 'header' : 'invalid', family.toString(16))
    }
  })

  test('gives addresses for TCP over IPv4 and IPv6 and for nothing else', () => {
    for (let byte = 0; byte <= 0xffff; byte++) {
      const decoded = decodeProxyHeader(rawV2(byte >> 8, byte & 0xff, new Uint8Array(216)), 0, 232)
      const hasAddresses = decoded.kind === 'header' && decoded.addresses !== undefined
      assert.equal(hasAddresses, byte === 0x2111 || byte === 0x2121, byte.toString(16))
    }
  })

  test('brings mapped IPv4 back to IPv4, each side for itself', () => {
    const mapped = fromHex('00000000000000000000ffffc0000201')
    const other = IPV6_BLOCK.subarray(0, 16)
    const ports = fromHex('00010002')
    const both = assertHeader(rawV2(0x21, 0x21, concat(mapped, mapped, ports)))
    assert.equal(addressesText(both), '192.0.2.1:1 > 192.0.2.1:2')
    assert.equal(both.addresses?.source.address.length, 4)
    const one = assertHeader(rawV2(0x21, 0x21, concat(other, mapped, ports)))
    assert.equal(addressesText(one), '[2001:db8::1]:1 > 192.0.2.1:2')
  })

  test('gives TLVs in order, with duplicates, unknown types and empty values', () => {
    const tlvs = [
      { type: TLV_TYPES.authority, value: fromAscii('example.org') },
      { type: 0x00, value: fromHex('ff') },
      { type: 0xe2, value: new Uint8Array(0) },
      { type: TLV_TYPES.authority, value: fromAscii('example.net') },
      { type: TLV_TYPES.ssl, value: fromHex('0000') },
      { type: 0xff, value: fromHex('00') },
    ]
    assert.deepEqual(assertHeader(tcp4With(...tlvs.map(({ type, value }) => tlv(type, value)))).tlvs, tlvs)
  })

  test('leaves NOOP and CRC32C out of the TLVs, wherever they stand', () => {
    const noop = { type: TLV_TYPES.noop, value: new Uint8Array(9) }
    const authority = { type: TLV_TYPES.authority, value: fromAscii('example.org') }
    const address = { family: 4 as const, address: '192.0.2.1', port: 1 }
    const addresses = { source: address, destination: address }
    const bytes = encodeV2({ command: 'proxy', addresses, tlvs: [noop, authority, noop], crc32c: true })
    const header = assertHeader(bytes)
    assert.deepEqual([header.tlvs, header.isCrc32cVerified], [[authority], true])
  })

  test('takes a unique id of 128 bytes and an empty one', () => {
    for (const length of [0, 24, 128]) {
      assert.equal(assertHeader(tcp4With(tlv(5, new Uint8Array(length)))).tlvs[0].value.length, length)
    }
  })

  test('reads zero padding as empty TLVs of type 0, since nothing forbids them', () => {
    assert.equal(assertHeader(tcp4With(new Uint8Array(72))).tlvs.length, 24)
  })

  test('gives copies, so that a receive buffer can be used again, be it a Buffer', () => {
    const received = Buffer.from(tcp4With(tlv(2, fromAscii('abc'))))
    const header = decodeProxyHeader(received, 0, received.length)
    received.fill(0)
    assert.ok(header.kind === 'header')
    assert.equal(addressesText(header), IPV4_TEXT)
    assert.deepEqual(header.tlvs, [{ type: 2, value: fromAscii('abc') }])
  })
})

/** Headers seen on the wire: AWS network load balancers, HAProxy, and one with every SSL field of the specification. */
const CAPTURED: readonly [what: string, hex: string, addresses: string, tlvTypes: readonly number[], crc: boolean][] = [
  ['AWS health check', `2011 0054 030004 bce5951f 04004a ${'00'.repeat(74)}`, 'none', [], false],
  [
    'AWS endpoint service',
    `2111 0054 ac1f0771 ac1f0a1f c8f2 0050 030004 e8d6892d ea0017 01
     767063652d3038643262663135666163353030316339 040024 ${'00'.repeat(36)}`,
    '172.31.7.113:51442 > 172.31.10.31:80',
    [0xea],
    true,
  ],
  [
    'another AWS endpoint service',
    `2111 0054 c0a82c0a c0a82c07 cc3e 241b 030004 b9286fa6 ea0017 01
     767063652d3030656166633435386563393762383333 040024 ${'00'.repeat(36)}`,
    '192.168.44.10:52286 > 192.168.44.7:9243',
    [0xea],
    true,
  ],
  ['HAProxy', '2111 000c ac130001 ac130003 a652 0050', '172.19.0.1:42578 > 172.19.0.3:80', [], false],
  [
    'TLS with its sub-TLVs and padding',
    `2111 0064 c0a80a64 c0a80b5a a55c 1f90 20004e 07 00000000 210007 544c5376312e32 22000b 6578616d706c652e636f6d
     23001b 45434448452d5253412d4145533132382d47434d2d534841323536 240006 534841323536 250007 52534132303438
     040004 00000000`,
    '192.168.10.100:42332 > 192.168.11.90:8080',
    [0x20],
    false,
  ],
]

describe('the v2 decoder on captured headers', () => {
  for (const [what, hex, addresses, tlvTypes, crc] of CAPTURED) {
    test(`reads the header of ${what}`, () => {
      const bytes = fromHex(SIGNATURE + hex)
      const header = assertHeader(concat(bytes, PAYLOAD), bytes.length)
      assert.equal(addressesText(header), addresses)
      assert.deepEqual(
        header.tlvs.map(({ type }) => type),
        tlvTypes,
      )
      assert.equal(header.isCrc32cVerified, crc)
    })
  }
})
