/** For unit tests: the tables of the store in memory, in this thread. */
import { DatabaseSync } from 'node:sqlite'
import { Database } from './database.ts'
import { migrate } from './migrations.ts'

export function databaseForTest(): Database {
  const db = new Database(new DatabaseSync(':memory:'))
  migrate(db, 'memory', 0)
  return db
}
