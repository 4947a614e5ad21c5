/** A ban: an address or prefix that is refused until a time. */
import type { Network } from '../../lib/ip.ts'
import { banText } from './source.ts'

/** Who made a ban. Used by the log, metrics, the admin API and docs/bans.md. */
export const BAN_ORIGINS = {
  manual: 'An operator.',
  strikes: 'Strikes against the source.',
  neighbours: 'Bans of several sources of one /24 or /48 in a short time.',
  signals: 'An upstream that knows an abuser when it sees one, by the API.',
} as const
export type BanOrigin = keyof typeof BAN_ORIGINS
export const BAN_ORIGIN_NAMES = Object.keys(BAN_ORIGINS) as readonly BanOrigin[]

/** Times are in ms since 1970, by a clock that nobody sets while the daemon runs. */
export interface Ban {
  readonly network: Network
  /** `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/64` */
  readonly text: string
  readonly origin: BanOrigin
  readonly sinceMs: number
  /** Infinity is for good. */
  readonly untilMs: number
  /** A sentence's end: `20 strikes, the last for slow-read on web`. */
  readonly why: string
  /** An operator's address, or `strikes`. */
  readonly by: string
  /** How many bans of the same prefix strikes made before this one. */
  readonly repeated: number
  /** It refuses nobody: what it would refuse is counted. */
  readonly isWatched: boolean
}

export function makeBan(network: Network, rest: Omit<Ban, 'network' | 'text'>): Ban {
  return { network, text: banText(network), ...rest }
}
