import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseForTest } from '../database-for-test.ts'
import { SESSIONS } from './sessions.ts'
import { type User, USERS, USERS_MAX } from './users.ts'

const ANN: User = {
  name: 'Ann',
  passwordHash: '$argon2id$…',
  role: 'admin',
  totpSecret: null,
  createdMs: 1_000,
  lastLoginMs: null,
  isDisabled: false,
}

test('a user is found as it was added, whatever the case of the name', () => {
  const db = databaseForTest()
  USERS.writes.add(db, ANN)
  assert.deepEqual(USERS.reads.find(db, 'ANN'), ANN)
  assert.equal(USERS.reads.find(db, 'bob'), undefined)
  assert.throws(() => USERS.writes.add(db, { ...ANN, name: 'ann' }), { code: 'E_STORE_EXISTS' })
  USERS.writes.add(db, { ...ANN, name: 'bob', role: 'viewer', isDisabled: true })
  assert.deepEqual(
    USERS.reads.list(db).map(({ name, isDisabled }) => [name, isDisabled]),
    [
      ['Ann', false],
      ['bob', true],
    ],
  )
})

test('the set-up makes the first user and no second', () => {
  const db = databaseForTest()
  assert.equal(USERS.writes.addFirst(db, ANN), true)
  assert.equal(USERS.writes.addFirst(db, { ...ANN, name: 'mallory' }), false)
  assert.equal(USERS.reads.count(db), 1)
})

test('the last admin who can log in can not be removed, disabled or made less', () => {
  const db = databaseForTest()
  USERS.writes.add(db, ANN)
  USERS.writes.add(db, { ...ANN, name: 'bob', isDisabled: true })
  const isRefused = (change: () => void): void =>
    assert.throws(() => db.transaction('write', change), { code: 'E_STORE_LAST_ADMIN' })
  isRefused(() => USERS.writes.remove(db, 'ann'))
  isRefused(() => USERS.writes.update(db, 'ann', { isDisabled: true }))
  isRefused(() => USERS.writes.update(db, 'ann', { role: 'operator' }))
  assert.deepEqual(USERS.reads.find(db, 'ann'), ANN)
  USERS.writes.update(db, 'bob', { isDisabled: false })
  assert.equal(USERS.writes.remove(db, 'ann'), true)
  assert.equal(USERS.writes.remove(db, 'ann'), false)
  assert.equal(USERS.writes.update(db, 'ann', { role: 'viewer' }), false)
})

test('each step of a second factor is taken once, until there is another secret', () => {
  const db = databaseForTest()
  USERS.writes.add(db, { ...ANN, totpSecret: 'first' })
  assert.equal(USERS.writes.useTotpStep(db, 'ann', 7), true)
  assert.equal(USERS.writes.useTotpStep(db, 'ann', 7), false)
  assert.equal(USERS.writes.useTotpStep(db, 'ann', 6), false)
  USERS.writes.update(db, 'ann', { lastLoginMs: 5 })
  assert.equal(USERS.writes.useTotpStep(db, 'ann', 7), false)
  USERS.writes.update(db, 'ann', { totpSecret: 'second' })
  assert.equal(USERS.writes.useTotpStep(db, 'ann', 7), true)
})

test('who is removed is logged out; there is an end to users', () => {
  const db = databaseForTest()
  for (let i = 0; i < USERS_MAX; i++) USERS.writes.add(db, { ...ANN, name: `user-${i}` })
  assert.throws(() => USERS.writes.add(db, ANN), { code: 'E_STORE_VALUE' })
  const session = { user: 'user-1', createdMs: 1, lastSeenMs: 1, expiresMs: 100, address: '192.0.2.1' }
  SESSIONS.writes.add(db, { ...session, hash: 'a' })
  SESSIONS.writes.add(db, { ...session, hash: 'b', user: 'user-2' })
  USERS.writes.remove(db, 'USER-1')
  assert.equal(SESSIONS.reads.find(db, 'a', 2), undefined)
  assert.equal(SESSIONS.reads.find(db, 'b', 2)?.user, 'user-2')
})
