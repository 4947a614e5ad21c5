/** For unit tests: the part of the store that keeps lists, in memory, and a switch to break it. */
import { databaseForTest } from '../../src/control/store/database-for-test.ts'
import type { Store } from '../../src/control/store/store.ts'
import { StoreError, type StoreErrorCode } from '../../src/control/store/store-error.ts'
import { LIST_ENTRIES } from '../../src/control/store/tables/list-entries.ts'

export interface StoreForLists extends Pick<Store, 'listEntries'> {
  readonly break: (code?: StoreErrorCode) => void
  readonly mend: () => void
}

export function storeForLists(): StoreForLists {
  const db = databaseForTest()
  let broken: StoreErrorCode | undefined
  const client: Record<string, (...args: never[]) => Promise<unknown>> = {}
  for (const [name, call] of Object.entries({ ...LIST_ENTRIES.reads, ...LIST_ENTRIES.writes })) {
    client[name] = async (...args) => {
      if (broken !== undefined) throw new StoreError(broken, 'The store is broken by a test.')
      return (call as (...all: unknown[]) => unknown)(db, ...args)
    }
  }
  return {
    listEntries: client as unknown as Store['listEntries'],
    break: (code = 'E_STORE_FULL') => (broken = code),
    mend: () => (broken = undefined),
  }
}
