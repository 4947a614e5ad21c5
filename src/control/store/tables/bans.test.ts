import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseForTest } from '../database-for-test.ts'
import { BANS, BANS_STORED_MAX, type BanByHand } from './bans.ts'

const BAN: BanByHand = { prefix: '192.0.2.7', sinceMs: 5, untilMs: null, why: 'scanner', by: 'ann' }

test('it has what was given last, and what stays the same is not written', () => {
  const db = databaseForTest()
  // As the thread of the store hands rows on.
  const listed = (): BanByHand[] => structuredClone(BANS.reads.list(db))
  const other = { ...BAN, prefix: '2001:db8::/64', sinceMs: 6, untilMs: 9 }
  BANS.writes.replace(db, [BAN, other])
  assert.deepEqual(listed(), [other, BAN])
  const changes = (): number => db.number('SELECT total_changes()')
  const before = changes()
  BANS.writes.replace(db, [BAN, other])
  assert.equal(changes(), before)
  BANS.writes.replace(db, [{ ...BAN, untilMs: 7 }])
  assert.deepEqual(listed(), [{ ...BAN, untilMs: 7 }])
  BANS.writes.replace(db, [])
  assert.deepEqual(listed(), [])
})

test('it is bounded', () => {
  const db = databaseForTest()
  const bans = Array.from({ length: BANS_STORED_MAX + 1 }, (_, i) => ({ ...BAN, prefix: `p${i}` }))
  BANS.writes.replace(db, bans)
  assert.equal(db.number('SELECT count(*) FROM bans'), BANS_STORED_MAX)
})
