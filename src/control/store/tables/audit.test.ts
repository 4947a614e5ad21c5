import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseForTest } from '../database-for-test.ts'
import { AUDIT, AUDIT_AGE_MS_MAX, AUDIT_DETAILS_BYTES_MAX, AUDIT_MAX, type NewAuditEntry } from './audit.ts'

function entry(more: Partial<NewAuditEntry> = {}): NewAuditEntry {
  return {
    atMs: 1_000,
    who: 'ann',
    from: '192.0.2.1',
    action: 'bans.add',
    target: '203.0.113.7',
    details: { ttl: 60 },
    result: 'done',
    ...more,
  }
}

test('entries are listed page by page, the newest first', () => {
  const db = databaseForTest()
  for (let i = 1; i <= 5; i++) AUDIT.writes.add(db, entry({ target: `t${i}` }))
  const first = AUDIT.reads.list(db, { limit: 2 })
  assert.deepEqual(
    first.entries.map(({ target }) => target),
    ['t5', 't4'],
  )
  const second = AUDIT.reads.list(db, { limit: 2, before: first.next! })
  const last = AUDIT.reads.list(db, { limit: 2, before: second.next! })
  assert.deepEqual(
    [...second.entries, ...last.entries].map(({ target }) => target),
    ['t3', 't2', 't1'],
  )
  assert.equal(last.next, null)
  assert.deepEqual(last.entries[0], { id: 1, ...entry({ target: 't1' }) })
})

test('filters are all met', () => {
  const db = databaseForTest()
  AUDIT.writes.add(db, entry())
  AUDIT.writes.add(db, entry({ who: 'bob', result: 'E_FORBIDDEN', atMs: 2_000 }))
  AUDIT.writes.add(db, entry({ who: 'bob', action: 'bans.remove', atMs: 3_000 }))
  const ids = (filter: object): number[] => AUDIT.reads.list(db, { limit: 10, ...filter }).entries.map(({ id }) => id)
  assert.deepEqual(ids({ who: 'bob' }), [3, 2])
  assert.deepEqual(ids({ who: 'bob', action: 'bans.remove' }), [3])
  assert.deepEqual(ids({ result: 'E_FORBIDDEN' }), [2])
  assert.deepEqual(ids({ fromMs: 2_000, toMs: 3_000 }), [2])
  assert.deepEqual(ids({ target: "' OR 1=1 --" }), [])
})

test('what is too long is cut, and the entry is there all the same', () => {
  const db = databaseForTest()
  const details = { text: '\u0000€"'.repeat(5_000) }
  AUDIT.writes.add(db, entry({ who: 'w'.repeat(10_000), details }))
  const [stored] = AUDIT.reads.list(db, { limit: 1 }).entries
  assert.equal(stored.who.length, 256)
  assert.ok(Buffer.byteLength(JSON.stringify(stored.details)) <= AUDIT_DETAILS_BYTES_MAX)
  assert.match((stored.details as { cut: string }).cut, /^\{"text":"/)
})

test('the oldest go, by count and by age', () => {
  const db = databaseForTest()
  AUDIT.writes.add(db, entry())
  db.run("UPDATE sqlite_sequence SET seq = :last WHERE name = 'audit'", { last: AUDIT_MAX - 1 })
  AUDIT.writes.add(db, entry())
  assert.equal(AUDIT.reads.list(db, { limit: 10 }).entries.length, 2)
  AUDIT.writes.add(db, entry())
  assert.deepEqual(
    AUDIT.reads.list(db, { limit: 10 }).entries.map(({ id }) => id),
    [AUDIT_MAX + 1, AUDIT_MAX],
  )
  AUDIT.writes.add(db, entry({ atMs: 1_001 + AUDIT_AGE_MS_MAX }))
  assert.equal(AUDIT.reads.list(db, { limit: 10 }).entries.length, 1)
})
