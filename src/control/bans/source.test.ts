import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp, parseNetwork } from '../../lib/ip.ts'
import { banText, contains, lastAddress, neighbourhoodOf, overlap, parseBanned, sourceKey, sourceOf } from './source.ts'

function network(text: string) {
  const parsed = parseNetwork(text)
  assert.ok(parsed, text)
  return parsed
}

test('what an operator writes is read as it is meant', () => {
  const cases: [string, string][] = [
    ['192.0.2.7', '192.0.2.7'],
    ['192.0.2.7/32', '192.0.2.7'],
    ['192.0.2.0/24', '192.0.2.0/24'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:0:1::7', '2001:db8:0:1::/64'],
    ['2001:db8:0:1::7/128', '2001:db8:0:1::7/128'],
    ['2001:db8::/48', '2001:db8::/48'],
    ['0.0.0.0/0', '0.0.0.0/0'],
  ]
  for (const [text, meant] of cases) {
    const read = parseBanned(text)
    assert.ok(read.ok, text)
    assert.equal(banText(read.value), meant)
  }
})

test('what is no address says what is expected, and host bits what was meant', () => {
  const cases: [string, RegExp][] = [
    ['', /neither an address nor a prefix/],
    ['example.net', /neither an address nor a prefix/],
    ['192.0.2.7/33', /neither an address nor a prefix/],
    ['192.0.2.7:80', /neither an address nor a prefix/],
    ['192.0.2.7/24', /perhaps 192\.0\.2\.0\/24 is meant/],
    ['2001:db8::1/48', /perhaps 2001:db8::\/48 is meant/],
    ['10.1.2.3/0', /perhaps 0\.0\.0\.0\/0 is meant/],
    ['10.1.2.3/09999', /neither an address nor a prefix/],
  ]
  for (const [text, problem] of cases) {
    const read = parseBanned(text)
    assert.ok(!read.ok, text)
    assert.match(read.problem, problem)
  }
})

test('a source is an IPv4 address or a /64, its neighbourhood a /24 or a /48', () => {
  const cases: [string, string, string][] = [
    ['192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ]
  for (const [address, source, neighbourhood] of cases) {
    const bytes = parseIp(address)!
    const one = sourceOf(bytes, bytes.length === 4 ? 4 : 6)
    assert.deepEqual([banText(one), banText(neighbourhoodOf(one))], [source, neighbourhood])
  }
})

test('one source has one key, two have two', () => {
  const key = (text: string) => {
    const bytes = parseIp(text)!
    return sourceKey(bytes, bytes.length === 4 ? 4 : 6)
  }
  assert.equal(key('2001:db8:1:2::1'), key('2001:db8:1:2:ffff::9'))
  const all = [
    '0.0.0.0',
    '255.255.255.255',
    '192.0.2.1',
    '2001:db8:1:2::',
    '2001:db8:1:3::',
    '::',
    'ffff:ffff:ffff:ffff::',
  ]
  assert.equal(new Set(all.map(key)).size, all.length)
})

test('prefixes that share an address overlap, whichever is wider', () => {
  const cases: [string, string, boolean, boolean][] = [
    ['192.0.2.0/24', '192.0.2.7', true, true],
    ['192.0.2.7', '192.0.2.0/24', true, false],
    ['192.0.2.0/25', '192.0.2.128/25', false, false],
    ['0.0.0.0/0', '203.0.113.9', true, true],
    ['0.0.0.0/0', '::1', false, false],
    ['2001:db8::/33', '2001:db8:8000::/33', false, false],
    ['2001:db8::/32', '2001:db8:8000::/33', true, true],
  ]
  for (const [a, b, overlaps, isInside] of cases) {
    assert.equal(overlap(network(a), network(b)), overlaps, `${a} ${b}`)
    assert.equal(overlap(network(b), network(a)), overlaps, `${b} ${a}`)
    assert.equal(contains(network(a), network(b)), isInside, `${a} ${b}`)
  }
})

test('the last address of a prefix has all bits beyond it', () => {
  assert.deepEqual([...lastAddress(network('192.0.2.0/23'))], [192, 0, 3, 255])
  assert.deepEqual([...lastAddress(network('192.0.2.7'))], [192, 0, 2, 7])
  assert.deepEqual([...lastAddress(network('128.0.0.0/1'))], [255, 255, 255, 255])
})
