/** What `protect.bans` asks for. */
import type { Network } from '../../lib/ip.ts'
import type { Rule } from '../../traffic/tables.ts'

export interface BanRules {
  /** Whether strikes make bans, or bans that only count (`watch`). */
  readonly rule: Rule
  readonly strikes: number
  readonly withinMs: number
  /** Of the first ban; each one after it is twice as long. */
  readonly ttlMs: number
  readonly ttlMaxMs: number
  /** Bans at once, those remembered after their end included. */
  readonly max: number
  /** What strikes never ban. */
  readonly spare: readonly Network[]
  readonly prefix: PrefixBanRules
}

export interface PrefixBanRules {
  readonly rule: Rule
  /** So many sources of one /24 or /48. */
  readonly after: number
  readonly withinMs: number
}
