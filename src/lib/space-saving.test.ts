import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SpaceSaving } from './space-saving.ts'

describe('what is seen most often', () => {
  test('is exact while there are places', () => {
    const seen = new SpaceSaving(8)
    for (const key of [5, 5, 5, 2 ** 40, 2 ** 40, 7]) seen.add(key, key % 100, 7, key === 5)
    assert.deepEqual(seen.top(2), [
      { key: 5, high: 5, low: 7, count: 3, error: 0, marked: 3 },
      { key: 2 ** 40, high: 2 ** 40 % 100, low: 7, count: 2, error: 0, marked: 0 },
    ])
  })

  test('is found among very many that are seen once, and its count is within its error', () => {
    const seen = new SpaceSaving(64)
    const truth = new Map<number, number>()
    for (let i = 0; i < 100_000; i++) {
      // Every 20th is one of two.
      const key = i % 20 === 0 ? (i % 60 === 0 ? 1 : 2) : 1000 + i
      seen.add(key, 0, 0, false)
      truth.set(key, (truth.get(key) ?? 0) + 1)
    }
    assert.deepEqual(
      seen.top(2).map(({ key }) => key),
      [2, 1],
    )
    for (const { key, count, error } of seen.top(64)) {
      assert.ok(truth.get(key)! <= count && truth.get(key)! >= count - error)
    }
  })

  test('agrees with a plain count, key by key', () => {
    const seen = new SpaceSaving(1_000)
    const truth = new Map<number, number>()
    for (let i = 0, key = 1; i < 20_000; i++, key = (key * 48_271) % 2_147_483_647) {
      seen.add(key % 900, 0, 0, false)
      truth.set(key % 900, (truth.get(key % 900) ?? 0) + 1)
    }
    assert.deepEqual(new Map(seen.top(1_000).map(({ key, count }) => [key, count])), new Map(truth))
  })

  test('begins anew when it is cleared', () => {
    const seen = new SpaceSaving(2)
    for (const key of [1, 2, 3]) seen.add(key, 1, 2, true)
    seen.clear()
    seen.add(4, 0, 0, false)
    assert.deepEqual(seen.top(9), [{ key: 4, high: 0, low: 0, count: 1, error: 0, marked: 0 }])
  })
})
