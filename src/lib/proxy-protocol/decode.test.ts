/** Both versions under anything a network can do to them; decode-v1 and decode-v2 have the tables of cases. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatIp, type SocketAddress } from '../ip.ts'
import { DECODED_HEADER_BYTES_MAX, decodeProxyHeader } from './decode.ts'
import type { DecodedProxyHeader } from './decoded.ts'
import { encodeV1, encodeV2, type SocketAddressPair, type V2Header } from './encode-any.ts'
import { HEADER_FAULTS } from './fault.ts'
import {
  addressesText,
  assertHeader,
  assertInvalid,
  concat,
  decodeGrowing,
  fromAscii,
  fromHex,
  rawV2,
} from './raw-header.test.ts'
import { TLV_TYPES, type Tlv } from './tlv.ts'
import { V2_SIGNATURE } from './wire.ts'

const anyAddress = fc
  .record({ isIpv4: fc.boolean(), bytes: fc.uint8Array({ minLength: 16, maxLength: 16 }), port: fc.nat(0xffff) })
  .map(({ isIpv4, bytes, port }): SocketAddress => {
    const address = formatIp(isIpv4 ? bytes.subarray(0, 4) : bytes)
    return { family: address.includes(':') ? 6 : 4, address, port }
  })
const anyPair = fc.record({ source: anyAddress, destination: anyAddress })
const anyTlv = fc.record({ type: fc.nat(0xff), value: fc.uint8Array({ maxLength: 128 }) }, { noNullPrototype: true })

function pairText({ source, destination }: SocketAddressPair): string {
  return [source, destination]
    .map(({ family, address, port }) => (family === 6 ? `[${address}]:${port}` : `${address}:${port}`))
    .join(' > ')
}

const anyBytes = fc.uint8Array({ maxLength: 300 })
/** Random bytes alone end at the first one; these get past the signatures. */
const almostHeader = fc.oneof(
  anyBytes,
  anyBytes.map((bytes) => concat(fromAscii('PROXY '), bytes)),
  fc
    .constantFrom('TCP4 ', 'TCP6 ', 'UNKNOWN')
    .chain((protocol) =>
      fc
        .array(fc.constantFrom(...fromAscii('0129af:. \r\n%')), { maxLength: 110 })
        .map((text) => concat(fromAscii(`PROXY ${protocol}`), Uint8Array.from(text))),
    ),
  anyBytes.map((bytes) => concat(V2_SIGNATURE, bytes)),
  fc
    .tuple(fc.constantFrom(0x20, 0x21, 0x22), fc.constantFrom(0, 0x11, 0x12, 0x21, 0x31, 0x13), anyBytes, fc.nat(320))
    .map(([command, family, body, length]) => rawV2(command, family, body, length)),
  fc
    .array(fc.record({ type: fc.constantFrom(1, 3, 4, 5, 0xe0), value: fc.uint8Array({ maxLength: 8 }) }), {
      maxLength: 9,
    })
    .map((tlvs) => encodeV2({ command: 'proxy', addresses: KNOWN, tlvs, crc32c: true })),
)

const KNOWN: SocketAddressPair = {
  source: { family: 4, address: '192.0.2.1', port: 123 },
  destination: { family: 4, address: '192.0.2.2', port: 5678 },
}

describe('decodeProxyHeader', () => {
  test('reads back every v1 line that is written, in pieces of any size', () => {
    const property = fc.property(anyPair, anyBytes, (addresses, payload) => {
      const line = encodeV1(addresses)
      assert.equal(addressesText(assertHeader(concat(line, payload), line.length)), pairText(addresses))
    })
    fc.assert(property, { numRuns: 300 })
  })

  test('reads back every v2 header that is written, in pieces of any size', () => {
    const anyHeader: fc.Arbitrary<V2Header & { addresses: SocketAddressPair; tlvs: Tlv[] }> = fc.record({
      command: fc.constant('proxy' as const),
      addresses: anyPair,
      tlvs: fc.array(
        anyTlv.filter(({ type }) => type !== TLV_TYPES.crc32c),
        { maxLength: 6 },
      ),
      crc32c: fc.boolean(),
    })
    const property = fc.property(anyHeader, anyBytes, (said, payload) => {
      const bytes = encodeV2(said)
      const header = assertHeader(concat(bytes, payload), bytes.length)
      assert.equal(addressesText(header), pairText(said.addresses))
      assert.deepEqual(
        header.tlvs,
        said.tlvs.filter(({ type }) => type !== TLV_TYPES.noop),
      )
      assert.equal(header.isCrc32cVerified, said.crc32c)
    })
    fc.assert(property, { numRuns: 300 })
  })

  test('never throws, never changes its mind, and claims no byte that is not there', () => {
    const property = fc.property(almostHeader, (bytes) => {
      const { verdict, bytesNeeded } = decodeGrowing(bytes)
      if (verdict.kind === 'header') assert.equal(verdict.headerBytes, bytesNeeded)
      if (verdict.kind === 'invalid') assert.equal(verdict.message, HEADER_FAULTS[verdict.reason])
    })
    fc.assert(property, { numRuns: 3000 })
  })

  test('has made up its mind when DECODED_HEADER_BYTES_MAX bytes are there', () => {
    const property = fc.property(almostHeader, fc.nat(0xff), (bytes, filler) => {
      const full = new Uint8Array(DECODED_HEADER_BYTES_MAX).fill(filler)
      full.set(bytes)
      assert.notEqual(decodeProxyHeader(full, 0, full.length).kind, 'need-more')
    })
    fc.assert(property, { numRuns: 1000 })
  })

  test('knows from the first byte what can be no header', () => {
    for (let byte = 0; byte <= 0xff; byte++) {
      const { kind } = decodeProxyHeader(Uint8Array.of(byte), 0, 1)
      assert.equal(kind, byte === 0x50 || byte === 0x0d ? 'need-more' : 'invalid')
    }
  })

  test('knows from every byte of either prefix', () => {
    for (const prefix of [fromAscii('PROXY '), V2_SIGNATURE]) {
      for (let at = 0; at < prefix.length; at++) {
        assertInvalid(prefix.with(at, prefix[at] ^ 0x80), 'not-a-header', at + 1)
      }
    }
  })

  test('asks for more where there is nothing yet', () => {
    assert.equal(decodeProxyHeader(new Uint8Array(0), 0, 0).kind, 'need-more')
    assert.equal(decodeProxyHeader(fromAscii('GET'), 3, 3).kind, 'need-more')
  })

  test('reads no byte behind the end, be it the rest of an older header', () => {
    const line = fromAscii('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n')
    assert.equal(decodeProxyHeader(line, 0, line.length - 1).kind, 'need-more')
    const header = encodeV2({ command: 'proxy', addresses: KNOWN, crc32c: true })
    assert.equal(decodeProxyHeader(header, 0, header.length - 1).kind, 'need-more')
  })

  test('makes no object for a refusal', () => {
    const bytes = fromAscii('GET / HTTP/1.1\r\n')
    assert.equal(decodeProxyHeader(bytes, 0, 16), decodeProxyHeader(bytes, 0, 16))
  })
})

/** LOCAL, UNSPEC and the families that fall back to it name nobody; that is safe. Naming somebody else is not. */
function namesNobodyElse(decoded: DecodedProxyHeader, addresses: string): boolean {
  return decoded.kind !== 'header' || decoded.addresses === undefined || addressesText(decoded) === addresses
}

describe('a v2 header with CRC32C', () => {
  const anyOfOurs = anyPair.map((addresses) => ({
    addresses,
    bytes: encodeV2({
      command: 'proxy',
      addresses,
      tlvs: [{ type: TLV_TYPES.uniqueId, value: fromAscii('0123456789ab000000000001') }],
      crc32c: true,
    }),
  }))

  test('never names another client after one byte has changed', () => {
    const property = fc.property(
      anyOfOurs,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      ({ addresses, bytes }, n, flip) => {
        const at = n % bytes.length
        const decoded = decodeProxyHeader(
          concat(bytes.with(at, bytes[at] ^ flip), fromAscii('payload')),
          0,
          bytes.length + 7,
        )
        assert.ok(namesNobodyElse(decoded, pairText(addresses)))
      },
    )
    fc.assert(property, { numRuns: 3000 })
  })

  test('never names another client after any byte has changed to any other', () => {
    const ipv6: SocketAddressPair = {
      source: { family: 6, address: '2001:db8::1', port: 56324 },
      destination: { family: 6, address: '2001:db8::2', port: 443 },
    }
    for (const addresses of [KNOWN, ipv6]) {
      const tlvs = [{ type: TLV_TYPES.uniqueId, value: fromAscii('0123456789ab000000000001') }]
      const bytes = encodeV2({ command: 'proxy', addresses, tlvs, crc32c: true })
      for (let at = 0; at < bytes.length; at++) {
        for (let value = 0; value <= 0xff; value++) {
          const decoded = decodeProxyHeader(bytes.with(at, value), 0, bytes.length)
          assert.ok(namesNobodyElse(decoded, pairText(addresses)), `byte ${at} as ${value}`)
        }
      }
    }
  })

  test('is refused after any byte of its addresses, ports or values has changed', () => {
    const bytes = fromHex('0d0a0d0a000d0a515549540a21110013c0000201c0000202007b162e0300041c2b486c')
    for (let at = 16; at < bytes.length; at++) {
      if (at === 28) continue // Another type in place of CRC32C is an unknown TLV, and nothing is left to verify.
      for (let flip = 1; flip <= 0xff; flip++) {
        assert.equal(decodeProxyHeader(bytes.with(at, bytes[at] ^ flip), 0, bytes.length).kind, 'invalid')
      }
    }
  })
})
