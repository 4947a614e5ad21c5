import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GrowingSlots, RecycledSlots } from './stable-slots.ts'

test('growing slots give each key its own place for good', () => {
  const slots = new GrowingSlots()
  assert.deepEqual(
    ['a', 'b', 'a', 'c'].map((key) => slots.indexOf(key)),
    [0, 1, 0, 2],
  )
  assert.equal(slots.size, 3)
})

test('recycled slots give away the place that was unused for longest', () => {
  const slots = new RecycledSlots(3)
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => slots.indexOf(key, 1)),
    [0, 1, 2],
  )
  slots.indexOf('a', 2)
  assert.equal(slots.indexOf('d', 2), 1, 'the place of b')
  assert.equal(slots.indexOf('a', 3), 0)
  assert.equal(slots.indexOf('b', 3), 2, 'the place of c')
})

test('recycled slots never give away a place that the same tables use', () => {
  const slots = new RecycledSlots(2)
  assert.deepEqual(
    ['a', 'b', 'c', 'a'].map((key) => slots.indexOf(key, 1)),
    [0, 1, undefined, 0],
  )
})
