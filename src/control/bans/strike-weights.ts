/** How much each kind of strike counts towards a ban. docs/bans.md is compared with this table by a test. */
import type { StrikeKind } from '../../traffic/admit/strike-kinds.ts'

/** Counting is done in whole numbers: so many of them are one strike. */
export const POINTS_PER_STRIKE = 100

/**
 * In points. A connection that we ended because of how it behaved is a strike. What honest clients do as well, alone or
 * many behind one address (a browser that connects in advance, a load balancer that looks whether we are there, an
 * office that comes back after an outage), counts for little: it takes a flood to be banned for it.
 */
export const STRIKE_POINTS = {
  'slow-send': 100,
  'slow-read': 100,
  'tiny-segments': 100,
  'first-byte': 10,
  unused: 1,
  rate: 1,
  connections: 1,
  /** It strikes a proxy in front, which we trust, and which speaks for many. */
  'proxy-header': 0,
} as const satisfies Record<StrikeKind, number>
