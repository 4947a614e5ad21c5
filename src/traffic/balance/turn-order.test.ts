import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CANDIDATES_MAX } from '../tables.ts'
import { turnOrder, TURNS_MAX } from './turn-order.ts'

function countsOf(order: Uint8Array, places: number): number[] {
  const counts = Array.from({ length: places }, () => 0)
  for (const place of order) counts[place]++
  return counts
}

describe('the order of turns', () => {
  test('is smooth: as far apart as can be', () => {
    assert.deepEqual([...turnOrder([5, 1, 1])], [0, 0, 1, 0, 2, 0, 0])
    assert.deepEqual([...turnOrder([1, 1, 1, 1])], [0, 1, 2, 3])
    assert.deepEqual([...turnOrder([0, 2, 0, 2])], [1, 3])
  })

  test('has no turns where nobody has weight', () => {
    assert.equal(turnOrder([0, 0]).length, 0)
    assert.equal(turnOrder([]).length, 0)
  })

  test('is as short as the weights allow, those of upstreams with several addresses too', () => {
    assert.deepEqual(countsOf(turnOrder([300, 200, 100]), 3), [3, 2, 1])
    assert.deepEqual(countsOf(turnOrder([1000, 999]), 2), [1000, 999])
    assert.deepEqual(countsOf(turnOrder([1 / 3, 1 / 3, 1 / 3, 2]), 4), [1, 1, 1, 6])
    assert.deepEqual(countsOf(turnOrder([1 / 7, 3 / 5, 0]), 3), [5, 21, 0])
    assert.deepEqual(countsOf(turnOrder(Array.from({ length: CANDIDATES_MAX }, () => 1000)), 3)[2], 1)
  })

  test('keeps every proportion that fits, and rounds the others by less than 5 % above a share of 1/800', () => {
    const weights = fc.array(fc.oneof(fc.constantFrom(0, 1, 1000), fc.integer({ min: 0, max: 1000 })), {
      minLength: 1,
      maxLength: CANDIDATES_MAX,
    })
    fc.assert(
      fc.property(weights, (weights) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        const order = turnOrder(weights)
        const counts = countsOf(order, weights.length)
        for (const [i, weight] of weights.entries()) {
          if (total <= TURNS_MAX) assert.equal(counts[i] * total, weight * order.length)
          assert.equal(counts[i] > 0, weight > 0)
          const share = weight / total
          if (share > 1 / 800) assert.ok(Math.abs(counts[i] / order.length - share) < share * 0.05)
        }
      }),
      { numRuns: 15 },
    )
  })

  test('the smallest beside the greatest weights still have a turn', () => {
    const weights = Array.from({ length: CANDIDATES_MAX }, (_, i) => (i < 128 ? 1000 : 1))
    const counts = countsOf(turnOrder(weights), weights.length)
    assert.ok(counts.slice(128).every((count) => count === 1))
    assert.ok(counts.slice(0, 128).every((count) => count === 128))
  })
})
