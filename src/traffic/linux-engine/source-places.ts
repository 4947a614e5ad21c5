/** What a connection has taken of its source's limits (../admit/source-table.ts), from accept or hello to its end. */
import { NO_HANDLE } from '../admit/source-table.ts'
import { SOURCE_HANDLES } from './connection.ts'
import type { Connection } from './connection.ts'
import type { Loop } from './loop.ts'

/** Right after `takeSourcePlaces` or `takeNoPlaces`: from now on they are the connection's. */
export function noteSourcePlaces({ pool, admission }: Loop, { slot }: Connection): void {
  const at = slot * SOURCE_HANDLES
  pool.sourceHandles[at] = admission.addressHandle
  pool.sourceHandles[at + 1] = admission.prefixHandle
  pool.sourceHandles[at + 2] = admission.asnHandle
}

export function giveSourcePlacesBack({ pool, admission }: Loop, { slot }: Connection): void {
  const { sourceHandles } = pool
  const at = slot * SOURCE_HANDLES
  admission.giveSourcePlacesBack(sourceHandles[at], sourceHandles[at + 1], sourceHandles[at + 2])
  sourceHandles[at] = NO_HANDLE
  sourceHandles[at + 1] = NO_HANDLE
  sourceHandles[at + 2] = NO_HANDLE
}
