import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { hasNumber, numberSet } from './number-set.ts'

const number = fc.oneof(fc.integer({ min: 1, max: 2 ** 32 - 1 }), fc.integer({ min: 1, max: 40 }))

describe('a set of numbers', () => {
  test('has what a Set has, whatever its numbers', () => {
    fc.assert(
      fc.property(fc.array(number, { maxLength: 100 }), fc.array(number), (numbers, others) => {
        const set = numberSet(numbers)
        for (const one of [...numbers, ...others]) assert.equal(hasNumber(set, one), numbers.includes(one), String(one))
      }),
    )
  })

  test('of nothing has nothing', () => {
    assert.equal(hasNumber(numberSet([]), 1), false)
  })

  test('is the same in another thread', () => {
    const set = structuredClone(numberSet([4_200_000_000, 7]))
    assert.deepEqual([hasNumber(set, 4_200_000_000), hasNumber(set, 7), hasNumber(set, 8)], [true, true, false])
  })
})
