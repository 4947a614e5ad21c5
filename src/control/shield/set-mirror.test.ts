import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SetMirror } from './set-mirror.ts'

const mirror = (max = 10): SetMirror => new SetMirror('banned4', { isTimed: true, max })
const kinds = (set: SetMirror, nowMs: number, room = 100): string[] =>
  set.takeChanges(nowMs, room).map(({ kind, text }) => `${kind} ${text}`)

test('what is wanted is added once, and removed when it is wanted no more', () => {
  const set = mirror()
  set.want('a', 5_000)
  assert.deepEqual(kinds(set, 0), ['add a'])
  set.want('a', 5_000)
  assert.deepEqual(kinds(set, 0), [])
  set.forget('a')
  assert.deepEqual(kinds(set, 0), ['remove a'])
  assert.ok(set.isSettled)
})

test('another end is a refresh, and back again before it was sent is nothing', () => {
  const set = mirror()
  set.want('a', 5_000)
  kinds(set, 0)
  set.want('a', 9_000)
  assert.deepEqual(kinds(set, 0), ['refresh a'])
  set.want('a', 5_000)
  set.want('a', 9_000)
  assert.deepEqual(kinds(set, 0), [])
})

test('what expires is forgotten on both sides without a word', () => {
  const set = mirror()
  set.want('a', 5_000)
  kinds(set, 0)
  assert.ok(set.sweep(5_000))
  assert.deepEqual([set.size, set.sizeThere], [0, 1])
  // The kernel's end is up to a second later.
  set.sweep(7_000)
  assert.deepEqual([set.size, set.sizeThere, set.isSettled], [0, 0, true])
})

test('to be told of an end that the kernel knows of changes nothing', () => {
  const set = mirror()
  set.want('a', 5_000)
  kinds(set, 0)
  set.forget('a')
  assert.deepEqual(kinds(set, 5_000), [])
  set.want('a', 60_000)
  assert.deepEqual(kinds(set, 5_100), ['refresh a'])
})

test('banned again within the moment in which the kernel may still have it, it gets the new end', () => {
  const set = mirror()
  set.want('a', 5_000)
  kinds(set, 0)
  set.sweep(5_100)
  set.want('a', 60_000)
  assert.deepEqual(kinds(set, 5_100), ['refresh a'])
})

test('a ban that was shortened and ended before the kernel heard of it is removed there', () => {
  const set = mirror()
  set.want('a', 60_000)
  kinds(set, 0)
  set.want('a', 5_000)
  set.sweep(5_000)
  assert.deepEqual(kinds(set, 5_000), ['remove a'])
})

test('when it is full the oldest goes for the newest, and is counted', () => {
  const set = mirror(2)
  for (const text of ['a', 'b', 'c']) set.want(text, 5_000)
  assert.deepEqual(kinds(set, 0), ['add b', 'add c'])
  // Banned anew, b is younger than c.
  set.want('b', 9_000)
  set.want('d', 5_000)
  assert.deepEqual(kinds(set, 0).toSorted(), ['add d', 'refresh b', 'remove c'])
  assert.equal(set.displaced, 2)
})

test('of a whole list what is at the end is left out', () => {
  const set = mirror(2)
  set.want('x', Infinity)
  set.wantAll(['a', 'b', 'c'].map((text) => [text, Infinity] as const))
  assert.deepEqual(kinds(set, 0), ['add a', 'add b'])
  assert.equal(set.displaced, 1)
  set.wantAll([['b', Infinity]])
  assert.deepEqual(kinds(set, 0), ['remove a'])
  assert.equal(set.displaced, 0)
})

test('changes come in parts, and all of them anew after a start over', () => {
  const set = mirror()
  for (const text of ['a', 'b', 'c']) set.want(text, 5_000)
  assert.deepEqual(kinds(set, 0, 2), ['add a', 'add b'])
  assert.deepEqual(kinds(set, 0, 2), ['add c'])
  set.startOver()
  assert.equal(set.sizeThere, 0)
  assert.deepEqual(kinds(set, 0), ['add a', 'add b', 'add c'])
})
