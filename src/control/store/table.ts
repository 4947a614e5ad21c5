/** What a file in `tables/` gives: operations on one table, which run in the thread of the store, each in one transaction. */
import type { Database } from './database.ts'

type Operations = Readonly<Record<string, (db: Database, ...args: never[]) => unknown>>

export interface Table {
  readonly reads: Operations
  readonly writes: Operations
}

type Asked<O> = {
  readonly [Name in keyof O]: O[Name] extends (db: Database, ...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Result>
    : never
}

/** The same operations as others see them: promises, which reject with StoreError. */
export type Client<T extends Table> = Asked<T['reads']> & Asked<T['writes']>
