import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseForTest } from '../database-for-test.ts'
import { CONFIG_HISTORY, CONFIG_TEXT_BYTES_MAX, CONFIG_VERSIONS_MAX } from './config-history.ts'

const { reads, writes } = CONFIG_HISTORY

test('each version is kept with its text; the text of now is not new, one that comes back is kept once', () => {
  const db = databaseForTest()
  const add = (text: string, atMs: number) => writes.add(db, { atMs, who: 'ann', why: 'test', text })
  assert.deepEqual(add('services: [a]', 1), { id: 1, isNew: true })
  assert.deepEqual(add('services: [a]', 2), { id: 1, isNew: false })
  assert.deepEqual(add('services: [b]', 3), { id: 2, isNew: true })
  assert.deepEqual(add('services: [a]', 4), { id: 3, isNew: true })
  assert.equal(db.number('SELECT count(*) FROM configTexts'), 2)
  assert.deepEqual(
    reads.list(db, 2).map(({ id, atMs, bytes }) => [id, atMs, bytes]),
    [
      [3, 4, 13],
      [2, 3, 13],
    ],
  )
  assert.deepEqual(
    reads.list(db, 2, 2).map(({ id }) => id),
    [1],
  )
  assert.equal(reads.find(db, 2)?.text, 'services: [b]')
  assert.equal(reads.latest(db)?.id, 3)
  assert.equal(reads.find(db, 9), undefined)
})

test('the oldest versions go, and their texts with the last of them', () => {
  const db = databaseForTest()
  writes.add(db, { atMs: 0, who: 'ann', why: '', text: 'first' })
  for (let i = 0; i < CONFIG_VERSIONS_MAX; i++)
    writes.add(db, { atMs: i, who: 'ann', why: '', text: `version ${i % 2}` })
  assert.equal(reads.list(db, 10_000).length, CONFIG_VERSIONS_MAX)
  assert.equal(reads.find(db, 1), undefined)
  assert.equal(db.number('SELECT count(*) FROM configTexts'), 2)
})

test('large texts are bounded together, and a text beyond all bounds is refused', () => {
  const db = databaseForTest()
  const text = (i: number): string => String(i).padEnd(CONFIG_TEXT_BYTES_MAX, 'x')
  for (let i = 0; i < 18; i++) writes.add(db, { atMs: i, who: 'ann', why: '', text: text(i) })
  assert.equal(reads.list(db, 100).length, 16)
  assert.equal(reads.latest(db)?.text, text(17))
  const tooLong = { atMs: 0, who: 'ann', why: '', text: `${text(1)}x` }
  assert.throws(() => writes.add(db, tooLong), { code: 'E_STORE_VALUE' })
})
