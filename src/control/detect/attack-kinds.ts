/** By what an attack is called. Used by records, logs, metrics and docs/attacks.md. */
export const ATTACK_KINDS = {
  'connection-flood': 'More new connections a second than factor × calm, and than floors.newConnections.',
  distributed: 'More different addresses within ten seconds than factor × calm, and than floors.sources.',
  unused:
    'Of the connections that ended within ten seconds, at least 50, a larger part had never carried a byte than twice the calm, and than floors.unused.',
} as const

export type AttackKind = keyof typeof ATTACK_KINDS

export const ATTACK_KIND_NAMES = Object.keys(ATTACK_KINDS) as readonly AttackKind[]

/** What a service is seen to do in a second. */
export interface Sample {
  /** Clients that came, let in or not, but those on the allow list. */
  readonly newPerSecond: number
  /** Different ones within ten seconds: addresses, of IPv6 the /64, and prefixes. */
  readonly sources: number
  readonly prefixes: number
  /** Connections that ended within ten seconds, and those of them that the client never used. */
  readonly ended: number
  readonly unused: number
  /** Only evidence: an upstream may fail for reasons of its own. */
  readonly connectFailuresPerSecond: number
  readonly open: number
}

/** One number for each kind: that of a second, the calm, or the threshold. */
export type Levels = Readonly<Record<AttackKind, number>>

/** Fewer that ended tell nothing. */
export const ENDED_AT_LEAST = 50

export function levelsOf({ newPerSecond, sources, ended, unused }: Sample): Levels {
  return {
    'connection-flood': newPerSecond,
    distributed: sources,
    unused: ended >= ENDED_AT_LEAST ? Math.min(1, unused / ended) : 0,
  }
}
