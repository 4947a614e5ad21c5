import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HeaderFault } from './fault.ts'
import { addressesText, assertHeader, assertInvalid, fromAscii } from './raw-header.test.ts'

const FULL_IPV6 = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'

const VALID: readonly [line: string, addresses: string][] = [
  ['TCP4 192.168.0.1 192.168.0.11 56324 443', '192.168.0.1:56324 > 192.168.0.11:443'],
  ['TCP4 0.0.0.0 255.255.255.255 0 65535', '0.0.0.0:0 > 255.255.255.255:65535'],
  ['TCP4 255.255.255.255 255.255.255.255 65535 65535', '255.255.255.255:65535 > 255.255.255.255:65535'],
  ['TCP6 ::1 ::1 65535 65535', '[::1]:65535 > [::1]:65535'],
  ['TCP6 :: :: 0 0', '[::]:0 > [::]:0'],
  ['TCP6 1:2:3::4 5:6::7:8 65535 1234', '[1:2:3::4]:65535 > [5:6::7:8]:1234'],
  [`TCP6 ${FULL_IPV6} ${FULL_IPV6} 65535 65535`, `[${FULL_IPV6}]:65535 > [${FULL_IPV6}]:65535`],
  ['TCP6 2001:DB8:0000::000A 2001:db8::b 1 2', '[2001:db8::a]:1 > [2001:db8::b]:2'],
  ['TCP6 ::ffff:192.0.2.1 ::FFFF:c000:202 1 2', '192.0.2.1:1 > 192.0.2.2:2'],
  ['TCP6 ::ffff:192.0.2.1 2001:db8::b 1 2', '192.0.2.1:1 > [2001:db8::b]:2'],
  ['UNKNOWN', 'none'],
  ['UNKNOWN ', 'none'],
  ['UNKNOWN 192.0.2.1 192.0.2.2 1 2', 'none'],
  ['UNKNOWN 192.0.2.1 192.0.2.2 70000 70000', 'none'],
  [`UNKNOWN ${FULL_IPV6} ${FULL_IPV6} 65535 65535`, 'none'],
  ['UNKNOWN \0 \xff anything \n at \r all', 'none'],
  [`UNKNOWN ${'x'.repeat(91)}`, 'none'],
  [`UNKNOWN ${'x'.repeat(90)}\r`, 'none'],
]

/** Where a number stands the decoder must know after so many bytes of the line. */
const INVALID: readonly [line: string, reason: HeaderFault, bytesNeeded?: number][] = [
  ['PROXYTCP4 192.0.2.1 192.0.2.2 1 2\r\n', 'not-a-header', 6],
  ['PROXYjunk TCP4 192.0.2.1 192.0.2.2 1 2\r\n', 'not-a-header', 6],
  ['proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n', 'not-a-header', 1],
  ['PROXy TCP4 192.0.2.1 192.0.2.2 1 2\r\n', 'not-a-header', 5],
  ['PROXY\tTCP4 192.0.2.1 192.0.2.2 1 2\r\n', 'not-a-header', 6],
  ['PROXY\r\n', 'not-a-header', 6],
  [' PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n', 'not-a-header', 1],
  ['BOGUS\r\n', 'not-a-header', 1],
  ['PR\r\n', 'not-a-header', 3],
  ['GET / HTTP/1.1\r\n', 'not-a-header', 1],

  ['PROXY \r\n', 'v1-protocol', 7],
  ['PROXY \n', 'v1-protocol', 7],
  ['PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n', 'v1-protocol', 7],
  ['PROXY SOMETHING\r\n', 'v1-protocol', 7],
  ['PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n', 'v1-protocol', 8],
  ['PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n', 'v1-protocol', 10],
  ['PROXY TCP 192.0.2.1 192.0.2.2 1 2\r\n', 'v1-protocol', 10],
  ['PROXY TCP4\r\n', 'v1-protocol', 11],
  ['PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n', 'v1-protocol', 11],
  ['PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n', 'v1-protocol', 7],
  ['PROXY UNKNOWNxyz\r\n', 'v1-protocol', 14],
  ['PROXY unknown\r\n', 'v1-protocol', 7],
  ['PROXY UNKNOWN\n', 'v1-line-end', 14],
  ['PROXY UNKNOWN\rx\r\n', 'v1-line-end', 15],
  ['PROXY UNKNOWN\r\r\n', 'v1-line-end', 15],

  ['PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n', 'v1-address', 12],
  ['PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n', 'v1-address', 22],
  ['PROXY TCP4 192.0.2.1\t192.0.2.2 1 2\r\n', 'v1-address', 21],
  ['PROXY TCP4 invalid 192.0.2.2 1 2\r\n', 'v1-address', 12],
  ['PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n', 'v1-address', 19],
  ['PROXY TCP4 192.0.2.1. 192.0.2.2 1 2\r\n', 'v1-address', 22],
  ['PROXY TCP4 3221225985 192.0.2.2 1 2\r\n', 'v1-address', 22],
  ['PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n', 'v1-address', 23],
  ['PROXY TCP4 01.0.2.1 192.0.2.2 1 2\r\n', 'v1-address', 20],
  ['PROXY TCP4 192.0.2.1 192.0.2.00 1 2\r\n', 'v1-address', 32],
  ['PROXY TCP4 0x7f.0.0.1 192.0.2.2 1 2\r\n', 'v1-address', 13],
  ['PROXY TCP4 255.255.255.255.255 192.0.2.2 1 2\r\n', 'v1-address', 27],
  ['PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n', 'v1-address', 16],
  ['PROXY TCP4 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n', 'v1-address', 12],
  ['PROXY TCP4 192.0.2.1 2001:db8::2 1 2\r\n', 'v1-address', 26],
  ['PROXY TCP4 [1:2:3::4] 192.0.2.2 1 2\r\n', 'v1-address', 12],
  ['PROXY TCP4 192.0.2.1:1 192.0.2.2 1 2\r\n', 'v1-address', 21],
  ['PROXY TCP4 192.0.2.1/32 192.0.2.2 1 2\r\n', 'v1-address', 21],
  ['PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n', 'v1-address', 21],
  ['PROXY TCP6 2001:db8::1 192.0.2.2 1 2\r\n', 'v1-address', 33],
  ['PROXY TCP6 192.0.2.1 2001:db8::1 1 2\r\n', 'v1-address', 21],
  ['PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n', 'v1-address', 19],
  ['PROXY TCP6 fe80::1 fe80::2%1 1 2\r\n', 'v1-address', 27],
  ['PROXY TCP6 [::1] ::1 1 2\r\n', 'v1-address', 12],
  ['PROXY TCP6 1::2:3::4 5:6::7:8 1 2\r\n', 'v1-address', 21],
  ['PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n', 'v1-address', 25],
  ['PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n', 'v1-address', 29],
  ['PROXY TCP6 1:2:3:4::5:6:7:8 ::1 1 2\r\n', 'v1-address', 28],
  ['PROXY TCP6 :1:2:3:4:5:6:7 ::1 1 2\r\n', 'v1-address', 26],
  ['PROXY TCP6 ::12345 ::1 1 2\r\n', 'v1-address', 19],
  ['PROXY TCP6 ::ffff:192.0.2.01 ::1 1 2\r\n', 'v1-address', 29],
  ['PROXY TCP6 ::192.0.2.1:1 ::1 1 2\r\n', 'v1-address', 25],
  ['PROXY TCP6 ::1 ::g 1 2\r\n', 'v1-address', 18],

  ['PROXY TCP4 192.0.2.1 192.0.2.2 +80 2\r\n', 'v1-port', 32],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n', 'v1-port', 32],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 080 2\r\n', 'v1-port', 35],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 00 2\r\n', 'v1-port', 34],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n', 'v1-port', 37],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n', 'v1-port', 39],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 131152\r\n', 'v1-port', 39],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 abc\r\n', 'v1-port', 34],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 0x50\r\n', 'v1-port', 35],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 8.0\r\n', 'v1-port', 35],
  ['PROXY TCP4 192.0.2.1 192.0.2.2  2\r\n', 'v1-port', 32],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n', 'v1-port', 34],

  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n', 'v1-line-end', 35],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rGET', 'v1-line-end', 36],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n', 'v1-line-end', 36],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n', 'v1-line-end', 35],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 2 extra\r\n', 'v1-line-end', 35],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n', 'v1-line-end', 33],
  ['PROXY TCP4 192.0.2.1\r\n', 'v1-line-end', 21],
  ['PROXY TCP4 \r\n', 'v1-line-end', 12],
  ['PROXY TCP6 1:2:3::4 5:6::7:8 1234\r\n', 'v1-line-end', 34],

  [`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`, 'v1-too-long', 106],
  [`PROXY UNKNOWN ${'x'.repeat(91)}\rx\r\n`, 'v1-too-long', 107],
  [`PROXY UNKNOWN ${'x'.repeat(91)}\r\r\n`, 'v1-too-long', 107],
  [`PROXY UNKNOWN ${FULL_IPV6} ${FULL_IPV6} 65535 65535 too long\r\n`, 'v1-too-long', 106],
  [
    'PROXY TCP6 0000:0000:0000:0000:0000:ffff:255.255.255.255 0000:0000:0000:0000:0000:ffff:255.255.255.255 65535 65535\r\n',
    'v1-too-long',
    106,
  ],
  [`PROXY TCP4 192.0.2.1 192.0.2.2 100 100${' '.repeat(256)}`, 'v1-line-end', 39],
]

describe('the v1 decoder', () => {
  for (const [line, addresses] of VALID) {
    test(`reads ${JSON.stringify(line)}`, () => {
      const bytes = fromAscii(`PROXY ${line}\r\nmore data\r\n`)
      const header = assertHeader(bytes, bytes.length - 'more data\r\n'.length)
      assert.equal(addressesText(header), addresses)
      assert.deepEqual([header.version, header.command, header.tlvs, header.isCrc32cVerified], [1, 'proxy', [], false])
    })
  }

  for (const [line, reason, bytesNeeded] of INVALID) {
    test(`refuses ${JSON.stringify(line)} for ${reason}`, () => assertInvalid(fromAscii(line), reason, bytesNeeded))
  }

  test('needs 107 bytes at most for the longest line', () => {
    const line = fromAscii(`PROXY UNKNOWN ${FULL_IPV6} ${FULL_IPV6} 65535 65535\r\n`)
    assert.equal(line.length, 107)
    assertHeader(line)
  })

  test('takes the first CRLF behind UNKNOWN as the end, not a later one', () => {
    assertHeader(fromAscii('PROXY UNKNOWN\r\nabc\r\n'), 15)
    assertHeader(fromAscii('PROXY UNKNOWN x\r\r\nabc\r\n'), 18)
  })

  test('never answers before the LF, since the header is not whole', () => {
    assert.equal(assertHeader(fromAscii('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n')).headerBytes, 36)
  })
})
