import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Database } from './database.ts'
import { databaseForTest } from './database-for-test.ts'
import { migrate, MIGRATIONS } from './migrations.ts'

const NEXT = {
  number: MIGRATIONS.length + 1,
  name: 'a column',
  sql: "ALTER TABLE users ADD COLUMN mail TEXT DEFAULT ''",
}

test('numbers count up without a gap', () => {
  assert.deepEqual(
    MIGRATIONS.map(({ number }) => number),
    MIGRATIONS.map((_, i) => i + 1),
  )
})

test('an older file gets the steps that it lacks, once; what it had stays', () => {
  const db = databaseForTest()
  db.run("INSERT INTO audit (atMs, who, address, action, target, details, result) VALUES (1, '', '', '', '', '', '')")
  migrate(db, 'file', 7, [...MIGRATIONS, NEXT])
  migrate(db, 'file', 8, [...MIGRATIONS, NEXT])
  assert.equal(db.number('SELECT count(mail) FROM users'), 0)
  assert.equal(db.number('SELECT count(*) FROM audit'), 1)
  assert.equal(db.number('SELECT max(number) FROM migrations'), NEXT.number)
  assert.equal(db.number('SELECT max(atMs) FROM migrations'), 7)
})

test('a file of a newer version is refused as it is', () => {
  const db = databaseForTest()
  migrate(db, 'file', 7, [...MIGRATIONS, NEXT])
  assert.throws(() => migrate(db, '/x/tidegate.db', 8), {
    code: 'E_STORE_NEWER',
    message: new RegExp(
      `^/x/tidegate\\.db was written by a newer version .*schema ${NEXT.number}, this one knows ${MIGRATIONS.length}\\)\\. Start that version`,
    ),
  })
})

test('a step that fails leaves nothing behind', () => {
  const db = databaseForTest()
  const broken = { number: NEXT.number, name: 'broken', sql: `${NEXT.sql}; CREATE TABLE audit (x)` }
  assert.throws(() => migrate(db, 'file', 8, [...MIGRATIONS, broken]), /already exists/)
  assert.equal(db.number('SELECT max(number) FROM migrations'), MIGRATIONS.length)
  assert.throws(() => db.number('SELECT count(mail) FROM users'), /no such column/)
})

test("another program's file is refused", () => {
  const db = new Database(new DatabaseSync(':memory:'))
  db.sqlite.exec('CREATE TABLE theirs (x)')
  assert.throws(() => migrate(db, 'file', 8), { code: 'E_STORE_FOREIGN' })
})
