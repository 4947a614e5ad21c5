/** How many refused clients may be kept waiting (`refuse: tarpit`); above it they are reset. */
import type { WorkerStart } from '../events.ts'

/** Over all workers; each holds a file, and a socket that nobody reads. */
export const TARPIT_PLACES_MAX = 4096
/** Of the node's connections, from which the places are taken: those that are served come first. */
export const TARPIT_SHARE = 1 / 16

/** Of one worker. */
export function tarpitPlaces({ workers, limits }: Pick<WorkerStart, 'workers' | 'limits'>): number {
  const places = Math.min(TARPIT_PLACES_MAX, limits.connectionsMax * TARPIT_SHARE)
  return Math.floor(places / workers)
}
