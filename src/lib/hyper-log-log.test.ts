import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HyperLogLog } from './hyper-log-log.ts'

/** Evenly spread; the same in every run. */
function hashOf(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return hash ^ (hash >>> 16)
}

for (const things of [0, 1, 10, 500, 3_000, 50_000, 1_000_000]) {
  test(`${things} different things are counted to within 10 %, however often each is seen`, () => {
    const seen = new HyperLogLog()
    for (let i = 0; i < things; i++) {
      seen.add(hashOf(i))
      seen.add(hashOf(i))
    }
    assert.ok(Math.abs(seen.count - things) <= things * 0.1, String(seen.count))
  })
}

test('merged, what both have seen counts once', () => {
  const [one, two] = [new HyperLogLog(), new HyperLogLog()]
  for (let i = 0; i < 2_000; i++) one.add(hashOf(i))
  for (let i = 1_000; i < 3_000; i++) two.add(hashOf(i))
  one.merge(two)
  assert.ok(Math.abs(one.count - 3_000) < 300, String(one.count))
  one.clear()
  assert.equal(one.count, 0)
})
