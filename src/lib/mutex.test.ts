import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lock, lockWithin, tryLock, unlock } from './mutex.ts'

test('a lock is held by one, and free again afterwards', () => {
  const ints = new Int32Array(new SharedArrayBuffer(8))
  lock(ints, 1)
  assert.equal(tryLock(ints, 1), false)
  assert.equal(tryLock(ints, 0), true)
  unlock(ints, 1)
  assert.equal(lockWithin(ints, 1, 5), true)
  assert.equal(lockWithin(ints, 1, 5), false)
  unlock(ints, 1)
  assert.equal(tryLock(ints, 1), true)
})

test('a wait that was in vain leaves the lock to who holds it, and then to the next', () => {
  const ints = new Int32Array(new SharedArrayBuffer(4))
  assert.equal(lockWithin(ints, 0, 1), true)
  for (let i = 0; i < 3; i++) assert.equal(lockWithin(ints, 0, 1), false)
  unlock(ints, 0)
  assert.equal(lockWithin(ints, 0, 1), true)
})
