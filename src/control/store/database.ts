/** One open SQLite file, in the thread of the store: prepared statements are kept, and everything runs in transactions. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

export type Row = Record<string, SQLInputValue>

export class Database {
  readonly sqlite: DatabaseSync
  /** The SQL is all ours, so there is an end to it. */
  readonly #statements = new Map<string, StatementSync>()

  constructor(sqlite: DatabaseSync) {
    this.sqlite = sqlite
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.sqlite.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /** How many rows it changed. */
  run(sql: string, values: Row = {}): number {
    return Number(this.#statement(sql).run(values).changes)
  }

  /** The id of the row it made. */
  insert(sql: string, values: Row = {}): number {
    return Number(this.#statement(sql).run(values).lastInsertRowid)
  }

  /** `T` is what the columns of the statement are named and hold. */
  one<T>(sql: string, values: Row = {}): T | undefined {
    return this.#statement(sql).get(values) as T | undefined
  }

  all<T>(sql: string, values: Row = {}): T[] {
    return this.#statement(sql).all(values) as T[]
  }

  /** The first column of the first row, a number; 0 without one. */
  number(sql: string, values: Row = {}): number {
    return Number(Object.values(this.one<Row>(sql, values) ?? { none: 0 })[0] ?? 0)
  }

  /** All of it or nothing. A write takes the lock at once: a read that turns into a write could not wait for it. */
  transaction<T>(kind: 'read' | 'write', work: () => T): T {
    // Where taking back what failed has failed too.
    this.#rollBack()
    this.sqlite.exec(kind === 'read' ? 'BEGIN' : 'BEGIN IMMEDIATE')
    try {
      const result = work()
      this.sqlite.exec('COMMIT')
      return result
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  /** SQLite has rolled back by itself where the disk was full or broken. */
  #rollBack(): void {
    if (this.sqlite.isTransaction) this.sqlite.exec('ROLLBACK')
  }
}
