import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseForTest } from '../database-for-test.ts'
import { DELIVERIES_MAX, NOTIFICATION_STATES_MAX, NOTIFICATIONS } from './notifications.ts'

const { reads, writes } = NOTIFICATIONS

test('where a rule stands is remembered, and there is an end to rules', () => {
  const db = databaseForTest()
  writes.putState(db, 'rule a', { since: 5 }, 1)
  writes.putState(db, 'rule a', { since: 6 }, 2)
  assert.deepEqual(reads.states(db), [{ key: 'rule a', state: { since: 6 }, atMs: 2 }])
  for (let i = 0; i < NOTIFICATION_STATES_MAX; i++) writes.putState(db, `rule ${i}`, null, 3 + i)
  assert.equal(reads.states(db).length, NOTIFICATION_STATES_MAX)
  assert.equal(writes.removeState(db, 'rule a'), false)
  assert.equal(writes.removeState(db, 'rule 7'), true)
  assert.throws(() => writes.putState(db, 'x', 'y'.repeat(20_000), 1), { code: 'E_STORE_VALUE' })
})

test('messages wait until they are sent or given up', () => {
  const db = databaseForTest()
  const message = { text: 'attack' }
  const first = writes.addDelivery(db, { atMs: 1, channel: 'hook', event: 'attack-started', message })
  const second = writes.addDelivery(db, { atMs: 2, channel: 'mail', event: 'attack-started', message })
  writes.settleDelivery(db, first, { state: 'sent', attempts: 1, nextMs: null, error: null })
  writes.settleDelivery(db, second, { state: 'waiting', attempts: 1, nextMs: 30, error: 'refused '.repeat(200) })
  const [waiting, ...others] = reads.waiting(db)
  assert.equal(others.length, 0)
  assert.deepEqual(waiting, {
    id: second,
    atMs: 2,
    channel: 'mail',
    event: 'attack-started',
    message,
    state: 'waiting',
    attempts: 1,
    nextMs: 30,
    error: 'refused '.repeat(64),
  })
  assert.deepEqual(
    reads.deliveries(db, 10).map(({ id, state }) => [id, state]),
    [
      [second, 'waiting'],
      [first, 'sent'],
    ],
  )
  db.run("UPDATE sqlite_sequence SET seq = :last WHERE name = 'deliveries'", { last: DELIVERIES_MAX })
  writes.addDelivery(db, { atMs: 3, channel: 'hook', event: 'x', message })
  assert.equal(reads.deliveries(db, 10).length, 2)
})
