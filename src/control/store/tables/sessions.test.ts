import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseForTest } from '../database-for-test.ts'
import { type Session, SESSIONS, SESSIONS_PER_USER_MAX } from './sessions.ts'

const MINUTE_MS = 60_000

function session(hash: string, more: Partial<Session> = {}): Session {
  return { hash, user: 'ann', createdMs: 0, lastSeenMs: 0, expiresMs: 60 * MINUTE_MS, address: '192.0.2.1', ...more }
}

test('a session is there until its time is over, which moves while it is used', () => {
  const db = databaseForTest()
  SESSIONS.writes.add(db, session('a'))
  assert.deepEqual({ ...SESSIONS.reads.find(db, 'a', 1) }, session('a'))
  assert.equal(SESSIONS.reads.find(db, 'a', 60 * MINUTE_MS), undefined)
  SESSIONS.writes.touch(db, 'a', 30_000, 90 * MINUTE_MS)
  assert.equal(SESSIONS.reads.find(db, 'a', 1)?.lastSeenMs, 0)
  SESSIONS.writes.touch(db, 'a', MINUTE_MS, 90 * MINUTE_MS)
  assert.deepEqual(
    { ...SESSIONS.reads.find(db, 'a', 1) },
    session('a', { lastSeenMs: MINUTE_MS, expiresMs: 90 * MINUTE_MS }),
  )
  // The next one sweeps away what is over.
  SESSIONS.writes.add(db, session('b', { createdMs: 91 * MINUTE_MS, expiresMs: 99 * MINUTE_MS }))
  assert.equal(SESSIONS.writes.remove(db, 'a'), false)
  assert.equal(SESSIONS.writes.remove(db, 'b'), true)
})

test('a user has a bounded number of sessions; those that were not seen for the longest time go', () => {
  const db = databaseForTest()
  for (let i = 0; i <= SESSIONS_PER_USER_MAX; i++) SESSIONS.writes.add(db, session(`s${i}`, { lastSeenMs: i }))
  SESSIONS.writes.add(db, session('of-bob', { user: 'bob' }))
  const hashes = SESSIONS.reads.ofUser(db, 'ann', 1).map(({ hash }) => hash)
  assert.equal(hashes.length, SESSIONS_PER_USER_MAX)
  assert.ok(!hashes.includes('s0'))
  assert.equal(SESSIONS.writes.removeOfUser(db, 'Ann', 's7'), SESSIONS_PER_USER_MAX - 1)
  assert.deepEqual(
    SESSIONS.reads.ofUser(db, 'ann', 1).map(({ hash }) => hash),
    ['s7'],
  )
  assert.ok(SESSIONS.reads.find(db, 'of-bob', 1))
})
