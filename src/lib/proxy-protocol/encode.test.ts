import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatIp, parseIp, type IpFamily } from '../ip.ts'
import { encodeV1, encodeV2 } from './encode-any.ts'
import { ProxyHeaderSource, WRITTEN_HEADER_BYTES_MAX, writeV1Header, writeV2Header } from './encode.ts'
import { fromAscii, fromHex } from './raw-header.test.ts'
import { TLV_TYPES } from './tlv.ts'

interface End {
  readonly family: IpFamily
  readonly address: Uint8Array
  readonly port: number
}

function end(address: string, port: number, asMapped = false): End {
  const bytes = parseIp(address) as Uint8Array
  if (!asMapped) return { family: bytes.length === 4 ? 4 : 6, address: bytes, port }
  return { family: 6, address: Uint8Array.of(...new Uint8Array(10), 0xff, 0xff, ...bytes), port }
}

/** Addresses stand in the middle of other bytes, as in a sockaddr. */
function sourceOf(client: End, destination: End): ProxyHeaderSource {
  const source = new ProxyHeaderSource()
  source.clientFamily = client.family
  source.clientAddress = Uint8Array.of(1, 2, 3, 4, ...client.address, 5, 6)
  source.clientAddressOffset = 4
  source.clientPort = client.port
  source.destinationFamily = destination.family
  source.destinationAddress = Uint8Array.of(7, ...destination.address, 8)
  source.destinationAddressOffset = 1
  source.destinationPort = destination.port
  return source
}

type Write = typeof writeV1Header

/** Writes into the middle of a dirty buffer and checks that nothing beside the header has changed. */
function written(write: Write, source: ProxyHeaderSource, offset = 7): Uint8Array {
  const target = new Uint8Array(offset + WRITTEN_HEADER_BYTES_MAX + 5).fill(0xaa)
  const length = write(source, target, offset)
  assert.ok(length <= WRITTEN_HEADER_BYTES_MAX)
  assert.ok(target.subarray(0, offset).every((byte) => byte === 0xaa))
  assert.ok(target.subarray(offset + length).every((byte) => byte === 0xaa))
  return target.slice(offset, offset + length)
}

const lineOf = (source: ProxyHeaderSource): string => Buffer.from(written(writeV1Header, source)).toString('latin1')

const CLIENT4 = end('192.0.2.1', 56324)
const SERVER4 = end('198.51.100.2', 443)
const CLIENT6 = end('2001:db8::1', 56324)
const SERVER6 = end('2001:db8:0:1::2', 443)

describe('the v1 writer', () => {
  test('writes one canonical line', () => {
    assert.equal(lineOf(sourceOf(CLIENT4, SERVER4)), 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n')
    assert.equal(lineOf(sourceOf(CLIENT6, SERVER6)), 'PROXY TCP6 2001:db8::1 2001:db8:0:1::2 56324 443\r\n')
    assert.equal(
      lineOf(sourceOf(end('0.0.0.0', 0), end('::', 65535, false))),
      'PROXY TCP6 ::ffff:0.0.0.0 :: 0 65535\r\n',
    )
  })

  test('writes mapped addresses as the IPv4 they are', () => {
    const source = sourceOf(end('192.0.2.1', 1, true), end('198.51.100.2', 2, true))
    assert.equal(lineOf(source), 'PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n')
    assert.equal(lineOf(sourceOf(end('192.0.2.1', 1, true), end('198.51.100.2', 2))), lineOf(source))
  })

  test('writes IPv4 beside IPv6 as mapped, on either side', () => {
    assert.equal(lineOf(sourceOf(CLIENT4, SERVER6)), 'PROXY TCP6 ::ffff:192.0.2.1 2001:db8:0:1::2 56324 443\r\n')
    assert.equal(lineOf(sourceOf(CLIENT6, SERVER4)), 'PROXY TCP6 2001:db8::1 ::ffff:198.51.100.2 56324 443\r\n')
    const mapped = sourceOf(CLIENT6, end('198.51.100.2', 443, true))
    assert.equal(lineOf(mapped), 'PROXY TCP6 2001:db8::1 ::ffff:198.51.100.2 56324 443\r\n')
  })

  test('takes an address that is mapped but for one byte as the IPv6 it is', () => {
    for (const address of ['::fffe:192.0.2.1', '::feff:192.0.2.1', '::1:ffff:c000:201', '100::ffff:c000:201']) {
      const source = sourceOf(end(address, 1), SERVER4)
      assert.match(lineOf(source), /^PROXY TCP6 /)
      assert.equal(written(writeV2Header, source)[13], 0x21)
    }
  })

  test('reaches 56 and 104 bytes at most [PROXY 2.1]', () => {
    const longest4 = end('255.255.255.255', 65535)
    const longest6 = end('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 65535)
    assert.equal(written(writeV1Header, sourceOf(longest4, longest4)).length, 56)
    assert.equal(written(writeV1Header, sourceOf(longest6, longest6)).length, 104)
  })

  test('leaves CRC32C and unique id to v2', () => {
    const source = sourceOf(CLIENT4, SERVER4)
    const line = lineOf(source)
    source.crc32c = false
    source.uniqueId = fromAscii('0123456789ab000000000001')
    assert.equal(lineOf(source), line)
  })
})

describe('the v2 writer', () => {
  test('writes the known header with its CRC32C', () => {
    const header = written(writeV2Header, sourceOf(end('192.0.2.1', 123), end('192.0.2.2', 5678)))
    assert.deepEqual(header, fromHex('0d0a0d0a000d0a515549540a21110013c0000201c0000202007b162e0300041c2b486c'))
  })

  test('writes addresses alone where neither TLV is asked for', () => {
    const source = sourceOf(CLIENT6, SERVER6)
    source.crc32c = false
    const header = written(writeV2Header, source)
    assert.deepEqual(header.subarray(12, 16), fromHex('21210024'))
    assert.equal(header.length, 52)
  })

  test('writes the unique id in front of the CRC32C that covers it', () => {
    const source = sourceOf(CLIENT4, SERVER4)
    source.uniqueId = fromAscii('0123456789ab000000000001')
    const header = written(writeV2Header, source)
    assert.equal(header.length, 28 + 27 + 7)
    assert.deepEqual(header.subarray(28, 31), fromHex('050018'))
    assert.deepEqual(header.subarray(55, 58), fromHex('030004'))
  })

  test('carries what a ClientHello names, from where it stands', () => {
    const source = sourceOf(CLIENT4, SERVER4)
    source.helloBytes = fromAscii('..h2...a.example..')
    Object.assign(source.hello, { alpnAt: 2, alpnBytes: 2, serverNameAt: 7, serverNameBytes: 9 })
    const tlvs = written(writeV2Header, source).subarray(28)
    assert.deepEqual(tlvs.subarray(0, 5), Uint8Array.of(1, 0, 2, ...fromAscii('h2')))
    assert.deepEqual(tlvs.subarray(5, 17), Uint8Array.of(2, 0, 9, ...fromAscii('a.example')))
  })

  test('reaches its bound with the longest of everything, and refuses a longer unique id', () => {
    const source = sourceOf(CLIENT6, SERVER6)
    source.helloBytes = new Uint8Array(510)
    Object.assign(source.hello, { alpnAt: 0, alpnBytes: 255, serverNameAt: 255, serverNameBytes: 255 })
    source.uniqueId = new Uint8Array(128)
    assert.equal(written(writeV2Header, source).length, WRITTEN_HEADER_BYTES_MAX)
    source.uniqueId = new Uint8Array(129)
    assert.throws(() => written(writeV2Header, source), /unique id of 129 bytes/)
  })

  test('writes an empty unique id as an empty TLV', () => {
    const source = sourceOf(CLIENT4, SERVER4)
    source.uniqueId = new Uint8Array(0)
    assert.deepEqual(written(writeV2Header, source).subarray(28, 31), fromHex('050000'))
  })
})

describe('both writers', () => {
  test('refuse a port beyond 16 bits instead of cutting it', () => {
    for (const port of [-1, 65536, 700_000, 2 ** 32 + 80, 80.5, Number.NaN]) {
      assert.throws(() => written(writeV1Header, sourceOf({ ...CLIENT4, port }, SERVER4)), /is not a port/)
      assert.throws(() => written(writeV2Header, sourceOf(CLIENT4, { ...SERVER4, port })), /is not a port/)
    }
  })

  test('refuse a target that might be too short instead of writing half a header', () => {
    const target = new Uint8Array(WRITTEN_HEADER_BYTES_MAX)
    assert.throws(() => writeV2Header(new ProxyHeaderSource(), target, 1), /705 bytes are left, 706 are needed/)
    assert.throws(() => writeV1Header(new ProxyHeaderSource(), target, 1), RangeError)
  })

  test('allocate nothing per call', () => {
    const source = sourceOf(CLIENT6, SERVER4)
    source.uniqueId = fromAscii('0123456789ab000000000001')
    const target = new Uint8Array(WRITTEN_HEADER_BYTES_MAX)
    const callsOfBoth = (calls: number): void => {
      for (let i = 0; i < calls; i++) {
        source.clientPort = i & 0xffff
        writeV1Header(source, target, 0)
        writeV2Header(source, target, 0)
      }
    }
    callsOfBoth(20_000)
    const before = process.memoryUsage().heapUsed
    callsOfBoth(100_000)
    const grownBytes = process.memoryUsage().heapUsed - before
    // The smallest object takes 16 bytes; less than 4 a call is the runtime's own business.
    assert.ok(grownBytes < 400_000, `${grownBytes} bytes`)
  })

  test('are not held up by what a source said for the connection before', () => {
    const source = sourceOf(CLIENT6, SERVER6)
    source.uniqueId = fromAscii('0123456789ab000000000001')
    written(writeV2Header, source)
    const next = sourceOf(CLIENT4, SERVER4)
    Object.assign(source, next)
    assert.deepEqual(written(writeV2Header, source), written(writeV2Header, next))
  })

  const anyEnd = fc
    .record({
      kind: fc.constantFrom('ipv4', 'mapped', 'ipv6'),
      bytes: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      port: fc.nat(0xffff),
    })
    .map(({ kind, bytes, port }): End => {
      if (kind === 'ipv6') return { family: 6, address: bytes, port }
      return end(formatIp(bytes.subarray(0, 4)), port, kind === 'mapped')
    })
  const options = fc.record({
    crc32c: fc.boolean(),
    uniqueId: fc.option(fc.uint8Array({ maxLength: 128 }), { nil: undefined }),
  })

  test('agree byte for byte with the general encoder', () => {
    const property = fc.property(anyEnd, anyEnd, options, fc.nat(40), (client, destination, said, offset) => {
      const source = Object.assign(sourceOf(client, destination), said)
      const [from, to] = [client, destination].map(({ address, port }) => {
        const text = formatIp(address)
        return { family: text.includes(':') ? (6 as const) : (4 as const), address: text, port }
      })
      const addresses = { source: from, destination: to }
      const tlvs = said.uniqueId === undefined ? [] : [{ type: TLV_TYPES.uniqueId, value: said.uniqueId }]
      const expected = encodeV2({ command: 'proxy', addresses, tlvs, crc32c: said.crc32c })
      assert.deepEqual(written(writeV2Header, source, offset), expected)
      assert.deepEqual(written(writeV1Header, source, offset), encodeV1(addresses))
    })
    fc.assert(property, { numRuns: 1000 })
  })
})
