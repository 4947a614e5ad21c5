/** Shared memory is made at the start: what a reload adds has to fit in. */
import type { Capacity } from '../config/make-tables.ts'
import type { StableSlots } from '../config/stable-slots.ts'
import { StartError } from './start-error.ts'

/** Throws StartError where shared memory has no place for what the tables name. */
export function requireRoom(capacity: Capacity, slots: StableSlots): void {
  for (const kind of ['services', 'upstreams'] as const) {
    const wanted = slots[kind].size
    if (wanted <= capacity[kind]) continue
    const message = `There is no room for ${wanted} ${kind}: ${capacity[kind]} places were made at the start, and those of removed ${kind} are not used again. Restart Tidegate.`
    throw new StartError('E_ROOM', message)
  }
}
