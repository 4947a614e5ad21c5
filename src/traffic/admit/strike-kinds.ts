/** The words for what a client is struck for (strikes.ts). */

/** What a client can be struck for. Used by bans, metrics and docs/protect/wire.md. */
export const STRIKES = {
  rate: 'The address opened connections faster than its rate allows.',
  connections: 'The address wanted more connections at once than it may have.',
  unused: 'A connection ended by the client, or by its silence, that never carried a byte.',
  'first-byte': 'The client sent no first byte in time.',
  'slow-send': 'The client sent more slowly than the floor.',
  'slow-read': 'The client took bytes more slowly than the floor.',
  'tiny-segments': 'The client sent more tiny segments than allowed.',
  'proxy-header': 'The client had to send a PROXY header, and sent none in time or a wrong one.',
} as const

export type StrikeKind = keyof typeof STRIKES

/** In the ring a kind is its place in this list. */
export const STRIKE_NAMES = Object.keys(STRIKES) as readonly StrikeKind[]

export const STRIKE_CODES = Object.fromEntries(STRIKE_NAMES.map((name, code) => [name, code])) as Readonly<
  Record<StrikeKind, number>
>
