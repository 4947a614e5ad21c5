import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseForTest } from '../database-for-test.ts'
import { LIST_ENTRIES, LIST_ENTRIES_MAX, type ListEntry } from './list-entries.ts'

const { reads, writes } = LIST_ENTRIES

function entry(network: string, more: Partial<ListEntry> = {}): ListEntry {
  return { list: 'deny', network, comment: '', untilMs: null, by: 'ann', sinceMs: 1, ...more }
}

test('entries are put, changed, searched and removed', () => {
  const db = databaseForTest()
  const added = writes.put(db, [entry('192.0.2.0/24'), entry('203.0.113.7', { comment: 'Scanner of 2026' })])
  assert.deepEqual(added, { added: 2, changed: 0, removed: 0 })
  const changed = writes.put(db, [entry('192.0.2.0/24', { by: 'bob' }), entry('192.0.2.0/24', { list: 'office' })])
  assert.deepEqual(changed, { added: 1, changed: 1, removed: 0 })
  const networks = (search: string): string[] =>
    reads.page(db, 'deny', { limit: 10, search }).map(({ network }) => network)
  assert.deepEqual(networks(''), ['192.0.2.0/24', '203.0.113.7'])
  assert.deepEqual(networks('scanner'), ['203.0.113.7'])
  assert.deepEqual(networks('BOB'), ['192.0.2.0/24'])
  assert.deepEqual(networks("%' OR 1=1"), [])
  assert.deepEqual(reads.page(db, 'deny', { limit: 10, after: '192.0.2.0/24' }).length, 1)
  assert.equal(writes.remove(db, 'deny', ['192.0.2.0/24', '198.51.100.1']), 1)
  assert.deepEqual([reads.count(db, 'deny'), reads.all(db).length], [1, 2])
})

test('an exclusive sync leaves what was named and nothing else, on this list only', () => {
  const db = databaseForTest()
  writes.put(db, [entry('192.0.2.1'), entry('192.0.2.2'), entry('192.0.2.9', { list: 'office' })])
  const change = writes.replace(db, 'deny', [
    entry('192.0.2.2', { comment: 'new' }),
    entry('192.0.2.3', { list: 'other' }),
  ])
  assert.deepEqual(change, { added: 1, changed: 1, removed: 1 })
  assert.deepEqual(
    reads.all(db).map(({ list, network }) => `${list} ${network}`),
    ['deny 192.0.2.2', 'deny 192.0.2.3', 'office 192.0.2.9'],
  )
})

test('those whose time is over are taken out once', () => {
  const db = databaseForTest()
  writes.put(db, [entry('192.0.2.1', { untilMs: 100 }), entry('192.0.2.2', { untilMs: 200 }), entry('192.0.2.3')])
  assert.deepEqual({ ...writes.takeExpired(db, 100)[0] }, entry('192.0.2.1', { untilMs: 100 }))
  assert.deepEqual(writes.takeExpired(db, 100), [])
  assert.equal(reads.count(db, 'deny'), 2)
})

test('beyond the bound all of a change is refused', () => {
  const db = databaseForTest()
  const many = Array.from({ length: LIST_ENTRIES_MAX }, (_, i) => entry(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`))
  db.transaction('write', () => writes.put(db, many))
  const more = [entry('10.0.0.0', { comment: 'changed' }), entry('192.0.2.1')]
  assert.throws(() => db.transaction('write', () => writes.put(db, more)), { code: 'E_STORE_VALUE' })
  assert.equal(reads.count(db, 'deny'), LIST_ENTRIES_MAX)
  assert.equal(reads.page(db, 'deny', { limit: 1 })[0].comment, '')
})
