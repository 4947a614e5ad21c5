import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseForTest } from '../database-for-test.ts'
import { type Token, TOKENS } from './tokens.ts'

const TOKEN: Token = {
  id: 't1',
  hash: 'ab12',
  name: 'deploy',
  role: 'operator',
  services: ['web'],
  createdMs: 5,
  expiresMs: null,
  lastUsedMs: null,
  by: 'ann',
}

test('a token is found by the hash of its secret, until it is removed', () => {
  const db = databaseForTest()
  TOKENS.writes.add(db, TOKEN)
  TOKENS.writes.add(db, { ...TOKEN, id: 't2', name: 'ci', hash: 'cd34', services: null, createdMs: 6 })
  assert.deepEqual(TOKENS.reads.findByHash(db, 'ab12'), TOKEN)
  assert.deepEqual(
    TOKENS.reads.list(db).map(({ id, services }) => [id, services]),
    [
      ['t1', ['web']],
      ['t2', null],
    ],
  )
  assert.equal(TOKENS.writes.remove(db, 't1'), true)
  assert.equal(TOKENS.reads.findByHash(db, 'ab12'), undefined)
})

test('a name is of one token, and no id of another: by either it is taken back', () => {
  const db = databaseForTest()
  TOKENS.writes.add(db, TOKEN)
  for (const name of ['deploy', 't1']) {
    assert.throws(() => TOKENS.writes.add(db, { ...TOKEN, id: 't2', hash: 'cd34', name }), { code: 'E_STORE_EXISTS' })
  }
})

test('when it was used last is written once a minute', () => {
  const db = databaseForTest()
  TOKENS.writes.add(db, TOKEN)
  const lastUsed = (): number | null => TOKENS.reads.findByHash(db, 'ab12')!.lastUsedMs
  TOKENS.writes.noteUse(db, 't1', 1_000_000)
  TOKENS.writes.noteUse(db, 't1', 1_059_999)
  assert.equal(lastUsed(), 1_000_000)
  TOKENS.writes.noteUse(db, 't1', 1_060_000)
  assert.equal(lastUsed(), 1_060_000)
})
