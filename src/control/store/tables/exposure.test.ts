import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseForTest } from '../database-for-test.ts'
import { EXPOSURE, EXPOSURE_RESULTS_MAX } from './exposure.ts'

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
  assert.deepEqual(words(reads.list(db, { limit: 9, service: 'web', vantage: 'office' })), [
    'web office hidden',
    'web office exposed',
  ])
  assert.deepEqual(reads.list(db, { limit: 1 })[0].details, { ports: [443] })
  db.run("UPDATE sqlite_sequence SET seq = :last WHERE name = 'exposure'", { last: EXPOSURE_RESULTS_MAX + 2 })
  add('mail', 'cloud', 'hidden')
  assert.deepEqual(words(reads.list(db, { limit: 9 })), ['mail cloud hidden', 'mail cloud exposed'])
})
