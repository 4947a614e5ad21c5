import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../lib/ip.ts'
import { asnsOf } from './attack.ts'
import { type SourceSpan, sourceText, TOP_SECONDS, Visitors } from './visitors.ts'

function come(visitors: Visitors, text: string, times = 1, isRefused = false): void {
  const bytes = parseIp(text)!
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const isV4 = bytes.length === 4
  for (let i = 0; i < times; i++) {
    visitors.take(isV4 ? 4 : 6, view.getInt32(0), isV4 ? 0 : view.getInt32(4), isRefused)
  }
}

function seconds(visitors: Visitors, count: number, newcomers = 0): void {
  for (let i = 0; i < count; i++) visitors.endSecond(newcomers)
}

const textsOf = (visitors: Visitors, span: SourceSpan): string[] =>
  visitors.busiest(span, 10).sources.map((source) => `${sourceText(source, span)} ${source.seen} ${source.refused}`)

test('the busiest of the last seconds, by address and by prefix, IPv6 by its /64 and /48', () => {
  const visitors = new Visitors()
  come(visitors, '192.0.2.1', 7)
  come(visitors, '192.0.2.2', 4, true)
  come(visitors, '2001:db8:1:2::1', 5)
  come(visitors, '2001:db8:1:2:ffff::', 1)
  come(visitors, '2001:db8:1:3::1', 3)
  assert.deepEqual(textsOf(visitors, 'address'), [], 'not before they are over')
  seconds(visitors, TOP_SECONDS, 4)
  assert.deepEqual(textsOf(visitors, 'address'), [
    '192.0.2.1 7 0',
    '2001:db8:1:2::/64 6 0',
    '192.0.2.2 4 4',
    '2001:db8:1:3::/64 3 0',
  ])
  assert.deepEqual(textsOf(visitors, 'prefix'), ['192.0.2.0/24 11 4', '2001:db8:1::/48 9 0'])
  assert.equal(visitors.busiest('address', 1).perSecond, 1 / TOP_SECONDS)
  seconds(visitors, TOP_SECONDS)
  assert.deepEqual(textsOf(visitors, 'address'), [])
})

test('where only some were seen, the numbers are taken for all', () => {
  const visitors = new Visitors()
  come(visitors, '192.0.2.1', 100)
  seconds(visitors, TOP_SECONDS, 60)
  assert.equal(visitors.busiest('address', 1).perSecond, 3 / TOP_SECONDS)
})

test('different sources are counted over ten seconds, and forgotten then', () => {
  const visitors = new Visitors()
  for (let second = 0; second < 10; second++) {
    for (let i = 0; i < 20; i++) come(visitors, `192.0.${second}.${i}`)
    const { sources, prefixes } = visitors.endSecond(20)
    assert.ok(Math.abs(sources - (second + 1) * 20) <= 20, `${sources} in second ${second}`)
    assert.ok(Math.abs(prefixes - (second + 1)) <= 1)
  }
  seconds(visitors, 9)
  assert.equal(visitors.endSecond(0).sources, 0)
})

test('over an attack everything is kept until it ends', () => {
  const visitors = new Visitors()
  come(visitors, '192.0.2.9')
  visitors.followAttack()
  come(visitors, '192.0.2.1', 3)
  seconds(visitors, 60)
  come(visitors, '192.0.2.1', 2, true)
  const { sources, seen } = visitors.busiestOfAttack('address', 10)
  assert.deepEqual(
    sources.map(({ seen, refused }) => [seen, refused]),
    [[5, 2]],
  )
  assert.equal(seen, 5)
  visitors.endAttack()
  assert.deepEqual(visitors.busiestOfAttack('address', 10).sources, [])
})

test('the AS numbers of an attack, by its prefixes, the busiest first; who is in none is left out', () => {
  const visitors = new Visitors()
  visitors.followAttack()
  come(visitors, '192.0.2.1', 3)
  come(visitors, '192.0.2.77', 2, true)
  come(visitors, '198.51.100.1', 4)
  come(visitors, '203.0.113.1', 9)
  come(visitors, '2001:db8::1', 2)
  const asnOf = (address: Uint8Array): number => {
    if (address.length === 16) return 64496
    return { 192: 64496, 198: 64497 }[address[0]] ?? 0
  }
  assert.deepEqual(asnsOf(visitors, 0, asnOf), [
    { source: 'AS64496', newConnections: 7, refused: 2 },
    { source: 'AS64497', newConnections: 4, refused: 0 },
  ])
  assert.deepEqual(
    asnsOf(visitors, 0, () => undefined),
    [],
  )
})
