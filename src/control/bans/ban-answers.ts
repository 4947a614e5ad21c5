/** What operators ask about bans, and what they and the metrics are answered. */
import type { BanOrigin } from './ban.ts'

export interface AskedBans {
  readonly prefixes: readonly string[]
  /** Infinity is for good. */
  readonly ttlMs: number
  readonly comment: string
  /** Also what is suspiciously wide. */
  readonly force: boolean
}

export interface RefusedPrefix {
  readonly prefix: string
  /** What a sentence that begins with the prefix goes on with. */
  readonly why: string
}

export interface BansByHand {
  readonly changed: readonly string[]
  readonly refused: readonly RefusedPrefix[]
  /** False when it does not survive a restart; the log says why. */
  readonly stored: boolean
}

export interface BansView {
  /** With those that are watched. */
  readonly total: number
  readonly active: CountByOrigin
  /** Since the start. */
  readonly made: CountByOrigin
  readonly watched: CountByOrigin
  /** Bans that found no room, or had to make room. */
  readonly displaced: number
  /** Times that strikes would have banned somebody who is never banned. */
  readonly spared: number
  /** Sources whose strikes were forgotten to make room. */
  readonly sourcesForgotten: number
}

export type CountByOrigin = Readonly<Record<BanOrigin, number>>
