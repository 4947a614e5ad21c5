import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../test/harness/random.ts'
import { formatIp, networkContains, parseIp } from './ip.ts'
import { networksOfRange } from './ip-range.ts'

function texts(first: string, last: string): string[] {
  return networksOfRange(parseIp(first)!, parseIp(last)!).map(
    ({ bytes, prefixLength }) => `${formatIp(bytes)}/${prefixLength}`,
  )
}

test('a range as the fewest prefixes', () => {
  assert.deepEqual(texts('192.0.2.0', '192.0.2.255'), ['192.0.2.0/24'])
  assert.deepEqual(texts('192.0.2.1', '192.0.2.1'), ['192.0.2.1/32'])
  assert.deepEqual(texts('192.0.2.1', '192.0.2.6'), ['192.0.2.1/32', '192.0.2.2/31', '192.0.2.4/31', '192.0.2.6/32'])
  assert.deepEqual(texts('0.0.0.0', '255.255.255.255'), ['0.0.0.0/0'])
  assert.equal(texts('0.0.0.1', '255.255.255.254').length, 62)
  assert.deepEqual(texts('2001:db8::', '2001:db8:0:1:ffff:ffff:ffff:ffff'), ['2001:db8::/63'])
  assert.equal(texts('::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe').length, 254)
})

test('the last address before the first is no range', () => assert.deepEqual(texts('192.0.2.2', '192.0.2.1'), []))

test('the prefixes of a range have each of its addresses once, and no other', () => {
  const random = new Random(1)
  for (let round = 0; round < 200; round++) {
    const [from, to] = [random.integer(256), random.integer(256)].sort((a, b) => a - b)
    const networks = networksOfRange(Uint8Array.from([10, 0, 0, from]), Uint8Array.from([10, 0, 0, to]))
    for (let last = 0; last < 256; last++) {
      const inside = networks.filter((network) => networkContains(network, Uint8Array.from([10, 0, 0, last]), 0))
      assert.equal(inside.length, last >= from && last <= to ? 1 : 0)
    }
  }
})
