import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseForTest } from '../database-for-test.ts'
import { EXPOSURE, EXPOSURE_LIST_BYTES_MAX, EXPOSURE_RESULTS_MAX } from './exposure.ts'

const { reads, writes } = EXPOSURE

test('results are listed by service and page, and only the last of them are kept', () => {
  const db = databaseForTest()
  const add = (service: string, vantage: string, result: string): number =>
    writes.add(db, { atMs: 1, service, vantage, result, details: { ports: [443] } })
  add('web', 'office', 'exposed')
  add('web', 'office', 'hidden')
  add('web', 'cloud', 'hidden')
  add('mail', 'cloud', 'exposed')
  const words = (rows: readonly { service: string; vantage: string; result: string }[]): string[] =>
    rows.map(({ service, vantage, result }) => `${service} ${vantage} ${result}`)
  assert.deepEqual(words(reads.list(db, { limit: 2, service: 'web' })), ['web cloud hidden', 'web office hidden'])
  assert.deepEqual(words(reads.list(db, { limit: 2, service: 'web', before: 2 })), ['web office exposed'])
  assert.deepEqual(reads.list(db, { limit: 1 })[0].details, { ports: [443] })
  db.run("UPDATE sqlite_sequence SET seq = :last WHERE name = 'exposure'", { last: EXPOSURE_RESULTS_MAX + 2 })
  add('mail', 'cloud', 'hidden')
  assert.deepEqual(words(reads.list(db, { limit: 9 })), ['mail cloud hidden', 'mail cloud exposed'])
})

test('large results are listed as far as there is room for, the newest of them always', () => {
  const db = databaseForTest()
  const details = 'x'.repeat(60 * 1024)
  for (let i = 0; i < 200; i++) writes.add(db, { atMs: i, service: 'web', vantage: 'cloud', result: 'hidden', details })
  const rows = reads.list(db, { limit: 200 })
  assert.equal(rows.length, Math.floor(EXPOSURE_LIST_BYTES_MAX / (details.length + 2)))
  assert.equal(rows[0].atMs, 199)
  const next = reads.list(db, { limit: 200, before: rows.at(-1)!.id })
  assert.equal(next[0].id, rows.at(-1)!.id - 1)
})
