/** Addresses against what Node's own parsers make of them. */
import assert from 'node:assert/strict'
import { BlockList, isIP } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  formatIp,
  formatSocketAddress,
  isMappedIpv4,
  networkContains,
  parseIp,
  parseNetwork,
  socketAddress,
} from './ip.ts'
import type { Network } from './ip.ts'

const ipv4Bytes = fc.uint8Array({ minLength: 4, maxLength: 4 })
/** Zeros are what compression is about, so every group is as likely zero as not. */
const ipv6Bytes = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])))
const anyBytes = fc.oneof(ipv4Bytes, ipv6Bytes)

/** The WHATWG URL serializer compresses as RFC 5952 asks: the longest run of zeros, the first of equals. */
function canonicalIpv6(text: string): string {
  return new URL(`http://[${text}]/`).hostname.slice(1, -1)
}

function fullText(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2] << 8) | bytes[i * 2 + 1]).toString(16))
  return groups.join(':')
}

function mapped(ipv4: Uint8Array): Uint8Array {
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...ipv4)
}

describe('an IP address', () => {
  test('is the same after it was written and read', () => {
    fc.assert(fc.property(anyBytes, (bytes) => assert.deepEqual(parseIp(formatIp(bytes)), withoutMapping(bytes))))
  })

  test('is written as the URL standard writes it', () => {
    fc.assert(
      fc.property(ipv6Bytes, (bytes) => {
        if (!isMappedIpv4(bytes)) assert.equal(formatIp(bytes), canonicalIpv6(fullText(bytes)))
      }),
      { numRuns: 500 },
    )
  })

  test('is read from every spelling that Node knows', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const bytes = parseIp(text)
        assert.ok(bytes !== undefined, text)
        if (bytes.length === 16) assert.equal(formatIp(bytes), canonicalIpv6(text))
      }),
      { numRuns: 500 },
    )
    fc.assert(fc.property(fc.ipV4(), (text) => assert.equal(formatIp(parseIp(text) as Uint8Array), text)))
  })

  for (const [text, canonical] of [
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::A', '2001:db8::a'],
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:192.0.2.33', '1:2:3:4:5:6:c000:221'],
    ['::ffff:192.0.2.33', '192.0.2.33'],
    ['::FFFF:C000:221', '192.0.2.33'],
    ['0:0:0:0:0:ffff:192.0.2.33', '192.0.2.33'],
    ['255.255.255.255', '255.255.255.255'],
  ]) {
    test(`${text} is ${canonical}`, () => assert.equal(formatIp(parseIp(text) as Uint8Array), canonical))
  }

  for (const text of [
    ['', ' ', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.4 ', '0x1.2.3.4', '1.2.3.4/32', '1,2,3,4'],
    [':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', '::g', '[::1]', '::1.2.3', '1.2.3.4::'],
    ['fe80::1%eth0', '::ffff:1.2.3.4%lo', 'localhost', '１.2.3.4'],
  ].flat()) {
    test(`${JSON.stringify(text)} is none`, () => assert.equal(parseIp(text), undefined))
  }

  test('is none where Node sees none', () => {
    const scraps = fc.array(fc.constantFrom(':', '::', '.', '0', '1', 'ff', 'ffff', '256', '%', '12', ' '), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(scraps, (parts) => {
        const text = parts.join('')
        assert.equal(parseIp(text) === undefined, isIP(text) === 0 || text.includes('%'), text)
      }),
      { numRuns: 3000 },
    )
  })

  test('that is IPv4 in an IPv6 coat is IPv4 everywhere', () => {
    fc.assert(
      fc.property(ipv4Bytes, (bytes) => {
        const text = formatIp(bytes)
        assert.ok(isMappedIpv4(mapped(bytes)))
        assert.equal(formatIp(mapped(bytes)), text)
        assert.deepEqual(parseIp(`::ffff:${text}`), bytes)
        assert.deepEqual(socketAddress(`::ffff:${text}`, 80), { family: 4, address: text, port: 80 })
      }),
    )
  })

  test('next to the mapped ones is IPv6', () => {
    assert.equal(isMappedIpv4(parseIp('::fffe:1.2.3.4') as Uint8Array), false)
    assert.equal(isMappedIpv4(parseIp('1::ffff:1.2.3.4') as Uint8Array), false)
    assert.equal(isMappedIpv4(Uint8Array.of(1, 2, 3, 4)), false)
  })
})

describe('an address with a port', () => {
  test('is written with brackets where it needs them', () => {
    assert.equal(formatSocketAddress({ family: 4, address: '192.0.2.1', port: 80 }), '192.0.2.1:80')
    assert.equal(formatSocketAddress({ family: 6, address: '2001:db8::1', port: 0 }), '[2001:db8::1]:0')
  })

  test('has the canonical text of its address', () => {
    assert.deepEqual(socketAddress('2001:DB8:0::1', 443), { family: 6, address: '2001:db8::1', port: 443 })
    assert.equal(socketAddress('example.com', 443), undefined)
  })
})

describe('a network', () => {
  test('contains what Node says it contains', () => {
    const anyNetwork = anyBytes.chain((bytes) =>
      fc.integer({ min: 0, max: bytes.length * 8 }).map((prefixLength) => ({ bytes, prefixLength })),
    )
    fc.assert(
      fc.property(anyNetwork, fc.integer({ min: -1, max: 127 }), fc.nat(7), ({ bytes, prefixLength }, flip, offset) => {
        const text = `${formatIp(clearHostBits(bytes, prefixLength))}/${prefixLength}`
        fc.pre(bytes.length === 4 || !isMappedIpv4(clearHostBits(bytes, prefixLength)))
        const network = parseNetwork(text)
        assert.ok(network !== undefined, text)
        const address = flipBit(bytes, flip)
        fc.pre(address.length === 4 || !isMappedIpv4(address))
        const family = bytes.length === 4 ? 'ipv4' : 'ipv6'
        const list = new BlockList()
        list.addSubnet(formatIp(network.bytes), prefixLength, family)
        const column = Uint8Array.of(...Array.from({ length: offset }, () => 0xa5), ...address)
        assert.equal(networkContains(network, column, offset), list.check(formatIp(address), family), text)
      }),
      { numRuns: 1000 },
    )
  })

  for (const [text, expected] of [
    ['192.0.2.0/24', { family: 4, prefixLength: 24 }],
    ['192.0.2.1', { family: 4, prefixLength: 32 }],
    ['0.0.0.0/0', { family: 4, prefixLength: 0 }],
    ['2001:db8::/32', { family: 6, prefixLength: 32 }],
    ['::/0', { family: 6, prefixLength: 0 }],
    ['2001:db8::1', { family: 6, prefixLength: 128 }],
    ['::ffff:192.0.2.1', { family: 4, prefixLength: 32 }],
  ] as const) {
    test(`${text} is IPv${expected.family} with ${expected.prefixLength} bits`, () => {
      const { family, prefixLength } = parseNetwork(text) as Network
      assert.deepEqual({ family, prefixLength }, expected)
    })
  }

  for (const text of [
    ['192.0.2.1/24', '192.0.2.0/33', '192.0.2.0/', '/24', '192.0.2.0/-1', '192.0.2.0/+8', '192.0.2.0/8.0'],
    ['192.0.2.0/0x8', '192.0.2.0/ 24', '192.0.2.0/24/24', '2001:db8::/129', '2001:db8::1/64', 'example.com/8', ''],
  ].flat()) {
    test(`${JSON.stringify(text)} is none`, () => assert.equal(parseNetwork(text), undefined))
  }

  test('a prefix of an IPv6 coat is never read as the prefix of the IPv4 in it', () => {
    // As IPv6 networks both have host bits set; the /8 is not 10.0.0.0/8.
    assert.equal(parseNetwork('::ffff:10.0.0.0/8'), undefined)
    assert.equal(parseNetwork('::ffff:192.0.2.1/32'), undefined)
  })
})

function withoutMapping(bytes: Uint8Array): Uint8Array {
  return isMappedIpv4(bytes) ? bytes.slice(12) : bytes
}

function clearHostBits(bytes: Uint8Array, prefixLength: number): Uint8Array {
  return bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, prefixLength - i * 8))) & 0xff)
}

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.map((byte, i) => (bit >> 3 === i ? byte ^ (0x80 >> (bit & 7)) : byte))
}
