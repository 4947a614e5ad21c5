import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../../test/harness/random.ts'
import { PairNumbers } from './pair-numbers.ts'

test('pairs have numbers in the order in which they come, however many there are', () => {
  const random = new Random(1)
  const pairs = new PairNumbers()
  const model = new Map<string, number>()
  for (let i = 0; i < 100_000; i++) {
    // Neighbours, as places in a tree are, and below 0, as leaves are.
    const [left, right] = [random.integer(400) * 8 - 800, ~random.integer(300)]
    const number = model.get(`${left} ${right}`) ?? model.size
    model.set(`${left} ${right}`, number)
    assert.equal(pairs.numberOf(left, right), number)
    assert.deepEqual([pairs.left(number), pairs.right(number)], [left, right])
  }
  assert.equal(pairs.count, model.size)
  assert.ok(model.size > 50_000)
})
