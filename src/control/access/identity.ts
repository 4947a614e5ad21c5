/** Who asks, and what they may do. */

/** Each may do what those before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof ROLES)[number]

export interface Identity {
  /** For people and the audit log: a user's name, `token NAME`, or `local`. */
  readonly who: string
  /** `local` is whoever can read the token in stateDir: on this machine, with the daemon's rights. */
  readonly kind: 'user' | 'token' | 'local'
  readonly role: Role
  /** The services that a token is for; undefined is the whole node. */
  readonly services?: readonly string[]
  /** Of a user: which of their sessions it is. */
  readonly sessionHash?: string
}

export function isAtLeast(role: Role, wanted: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(wanted)
}
