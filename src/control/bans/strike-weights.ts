/** How much each kind of strike counts towards a ban. docs/bans.md is compared with this table by a test. */
import type { StrikeKind } from '../../traffic/admit/strike-kinds.ts'

/** Counting is done in whole numbers: so many of them are one strike. */
export const POINTS_PER_STRIKE = 1000

/**
 * In points. A connection that we ended because of how it behaved is a strike. What honest clients do as well, alone or
 * many behind one address (a browser that connects in advance, a load balancer that looks whether we are there, an
 * office that comes back after an outage), counts for little: it takes a flood to be banned for it.
 */
export const STRIKE_POINTS = {
  'slow-send': 1000,
  'slow-read': 1000,
  'tiny-segments': 1000,
  'first-byte': 100,
  unused: 10,
  /** The limit holds already: a ban is for floods, not for a crowd behind one address that is a little too big for it. */
  rate: 1,
  connections: 1,
  /** It strikes a proxy in front, which we trust, and which speaks for many. */
  'proxy-header': 0,
} as const satisfies Record<StrikeKind, number>
