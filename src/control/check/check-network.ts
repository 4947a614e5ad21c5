/** What all checks of a node share of the network: name lookups, and a bound on open sockets. */
import type { LookupFunction } from 'node:net'
import { Semaphore } from '../resolve/semaphore.ts'
import { SharedLookup } from './shared-lookup.ts'

/**
 * Two thirds of CONTROL_FD_RESERVE: checks can't take a client's place, nor the admin server's. Beyond it checks wait for
 * each other, their clocks not yet running, and intervals stretch.
 */
export const CHECK_SOCKETS_MAX = 64

export interface CheckNetwork {
  readonly lookup: LookupFunction
  readonly sockets: Semaphore
}

export function makeCheckNetwork(): CheckNetwork {
  return { lookup: new SharedLookup().lookup, sockets: new Semaphore(CHECK_SOCKETS_MAX) }
}
