import type { Tables } from '../traffic/tables.ts'
import type { NetworkDatabases } from './databases/network-databases.ts'
import type { Lists } from './lists/lists.ts'

/** What workers look addresses up in, as it comes with the tables. */
export function memoriesOf(
  lists: Lists | undefined,
  databases: NetworkDatabases | undefined,
): Pick<Tables, 'lists' | 'networks'> {
  return {
    ...(lists === undefined ? {} : { lists: lists.memories }),
    ...(databases?.memory === undefined ? {} : { networks: databases.memory }),
  }
}
