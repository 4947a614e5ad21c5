/** What a service asks of a client's behaviour on the wire (docs/protect/wire.md). Part of the tables. */
import type { Rule } from '../tables.ts'

/** So many bytes in so much time, or the client is too slow. */
export interface FloorRule {
  readonly rule: Rule
  readonly bytes: number
  readonly withinMs: number
}

export interface TinySegmentsRule {
  readonly rule: Rule
  readonly perSecondMax: number
  /** Of payload, on average. */
  readonly smallerThanBytes: number
  readonly withinMs: number
}

export interface WireRules {
  /** `first-byte`: an upstream is chosen and dialled only when the client has said something. */
  readonly dialOn: 'connect' | 'first-byte'
  /** 0 is off; never with `dialOn: first-byte`. */
  readonly firstByteTimeoutMs: number
  readonly slowSend: FloorRule
  readonly slowRead: FloorRule
  readonly tinySegments: TinySegmentsRule
}

export function hasWireRules({ firstByteTimeoutMs, slowSend, slowRead, tinySegments }: WireRules): boolean {
  return firstByteTimeoutMs > 0 || [slowSend, slowRead, tinySegments].some(({ rule }) => rule !== 'off')
}
