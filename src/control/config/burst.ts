/** What `burst` is without a value. */
import { perSecond, type Rate } from '../../lib/rate.ts'

/** One client may well open so many at once. */
export const BURST_AT_LEAST = 5

/** All that come in so many seconds may come at once. */
export function burstFor(rate: Rate | null, seconds: number): number {
  return rate === null ? BURST_AT_LEAST : Math.max(BURST_AT_LEAST, Math.ceil(perSecond(rate) * seconds))
}
