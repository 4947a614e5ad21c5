import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AttackRecord } from '../../detect/attack.ts'
import { AttackMirror } from '../attack-mirror.ts'
import { databaseForTest } from '../database-for-test.ts'
import { ATTACK_AGE_MS_MAX, ATTACKS } from './attacks.ts'

const { reads, writes } = ATTACKS
const DAY_MS = 86_400_000

function attack(id: number, day: number, more: Partial<AttackRecord> = {}): AttackRecord {
  const start = new Date(day * DAY_MS).toISOString()
  const end = new Date(day * DAY_MS + 3_600_000).toISOString()
  return { id, service: 'web', start, end, ended: 'calm', updated: end, ...more } as AttackRecord
}

test('attacks are listed by service and time, the newest first', () => {
  const db = databaseForTest()
  writes.put(
    db,
    [attack(1, 10), attack(2, 20, { service: 'mail' }), attack(3, 30, { end: null, ended: null })],
    31 * DAY_MS,
  )
  const ids = (filter: object): number[] => reads.list(db, { limit: 10, ...filter }).map(({ id }) => id)
  assert.deepEqual(ids({}), [3, 2, 1])
  assert.deepEqual(ids({ service: 'web' }), [3, 1])
  assert.deepEqual(ids({ fromMs: 20 * DAY_MS + 1, toMs: 30 * DAY_MS }), [2])
  assert.deepEqual(ids({ fromMs: 40 * DAY_MS }), [3])
  assert.deepEqual(ids({ startedBeforeMs: 20 * DAY_MS }), [1])
  assert.deepEqual(reads.find(db, 2), attack(2, 20, { service: 'mail' }))
  writes.put(db, [attack(3, 30)], 31 * DAY_MS)
  assert.deepEqual(ids({ fromMs: 40 * DAY_MS }), [])
})

test('a number that is used again is another attack; those of more than a year ago go', () => {
  const db = databaseForTest()
  writes.put(db, [attack(1, 10)], 10 * DAY_MS)
  writes.put(db, [attack(1, 20)], 20 * DAY_MS)
  assert.equal(reads.list(db, { limit: 10 }).length, 2)
  assert.equal(reads.find(db, 1)?.start, attack(1, 20).start)
  writes.put(db, [], 10 * DAY_MS + ATTACK_AGE_MS_MAX + 1)
  assert.equal(reads.list(db, { limit: 10 }).length, 1)
})

test('the mirror copies what changed, again where the store refused it', async () => {
  let list = [attack(1, 10), attack(2, 20, { end: null, ended: null })]
  const puts: number[][] = []
  let isFull = true
  const put = async (records: readonly AttackRecord[]): Promise<void> => {
    if (isFull) throw new Error('full')
    puts.push(records.map(({ id }) => id))
  }
  const refuse = () => Promise.reject(new Error('not asked for'))
  const mirror = new AttackMirror({ list: () => list }, { attacks: { put, list: refuse, find: refuse } })
  await mirror.copy()
  isFull = false
  await mirror.copy()
  await mirror.copy()
  list = [list[0], attack(2, 20)]
  await mirror.copy()
  list = [...list, attack(3, 30)]
  await mirror.copy()
  assert.deepEqual(puts, [[1, 2], [2], [3]])
})
