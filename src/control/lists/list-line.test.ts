import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIp } from '../../lib/ip.ts'
import { parseListLine } from './list-line.ts'

/** `192.0.2.0/24 (comment)` for each entry, `bad: …`, or nothing. */
function said(line: string): string[] {
  const parsed = parseListLine(line)
  if (parsed.kind === 'nothing') return []
  if (parsed.kind === 'bad') return [`bad: ${parsed.value}: ${parsed.problem}`]
  const { networks, comment } = parsed
  return networks.map(({ bytes, prefixLength }) => `${formatIp(bytes)}/${prefixLength}${comment && ` (${comment})`}`)
}

const GOOD: readonly [string, ...string[]][] = [
  ['192.0.2.1', '192.0.2.1/32'],
  ['192.0.2.0/24', '192.0.2.0/24'],
  ['  2001:db8::/32\t', '2001:db8::/32'],
  ['::ffff:192.0.2.0/120', '192.0.2.0/24'],
  ['192.0.2.0/24 ; SBL123', '192.0.2.0/24 (SBL123)'],
  ['192.0.2.0/24;SBL123', '192.0.2.0/24 (SBL123)'],
  ['2001:db8::1 # a comment; with # both', '2001:db8::1/128 (a comment; with # both)'],
  ['192.0.2.1-192.0.2.2', '192.0.2.1/32', '192.0.2.2/32'],
  ['192.0.2.0 - 192.0.2.255 # range', '192.0.2.0/24 (range)'],
  ['{"cidr":"192.0.2.0/24","sblid":"SBL123","rir":"apnic"}', '192.0.2.0/24 (SBL123)'],
  ['{"cidr":"2001:db8::/32"}', '2001:db8::/32'],
  ['0.0.0.0/0', '0.0.0.0/0'],
]
for (const [line, ...entries] of GOOD) test(`is read: ${line}`, () => assert.deepEqual(said(line), entries))

const NOTHING = [
  '',
  '   ',
  '\r',
  '# a comment',
  '; Spamhaus DROP List 2026/11/21 - (c) 2026 The Spamhaus Project',
  '{"type":"metadata","timestamp":1763683200,"records":1000}',
]
for (const line of NOTHING) test(`says nothing: ${JSON.stringify(line)}`, () => assert.deepEqual(said(line), []))

const BAD: readonly [string, RegExp][] = [
  ['192.0.2.1/24', /^bad: 192\.0\.2\.1\/24: has address bits beyond its prefix; write 192\.0\.2\.0\/24/],
  ['192.0.2.0/33', /has prefix length 33; IPv4 has 0 to 32/],
  ['192.0.2.256', /has 256 in its address/],
  ['010.0.2.1', /has leading zeros/],
  ['example.com', /^bad: example\.com: is not an address; expected a network/],
  ['192.0.2.1 192.0.2.2', /has more than one word/],
  ['192.0.2.9-192.0.2.1', /is a range that ends before it begins/],
  ['192.0.2.1-2001:db8::1', /is a range from one IP version to the other/],
  ['192.0.2.1-x', /^bad: x: is not an IP address/],
  ['{"asn":64496}', /has no "cidr"/],
  ['{"cidr":', /is not a JSON object/],
  ['<html>', /is not an address/],
]
for (const [line, problem] of BAD) test(`names itself: ${line}`, () => assert.match(said(line).join(), problem))
