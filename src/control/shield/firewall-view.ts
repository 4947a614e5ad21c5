/** What is true of the kernel's part in refusing, for those who only look. */
import type { FirewallRule } from './ruleset.ts'

export interface RuleCount {
  readonly packets: number
  readonly bytes: number
}

/**
 * `off`: by configuration. `idle`: there was nobody to refuse yet. `active`: the table is in the kernel.
 * `refused`: it can't be; `why` says so, and user space refuses alone. `left`: the next version, or nobody, keeps it.
 */
export type FirewallState =
  | { readonly kind: 'off' }
  | { readonly kind: 'idle' }
  | { readonly kind: 'active'; readonly sinceMs: number }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'left' }

export interface SetView {
  readonly name: string
  /** As far as we know; the kernel ends a ban up to a second later. */
  readonly entries: number
  readonly entriesMax: number
  /** Left out or taken out because the set was full: refused in user space only. */
  readonly displaced: number
}

export interface FirewallView {
  readonly state: FirewallState
  readonly table: string
  readonly rules: Readonly<Record<FirewallRule, RuleCount & { readonly isOn: boolean }>>
  readonly sets: readonly SetView[]
  /** Times the table was found gone or changed by somebody else, and put back. */
  readonly restored: number
  /** Parts of what is configured that the kernel, or this machine, does not give, and why. */
  readonly withouts: readonly string[]
}
