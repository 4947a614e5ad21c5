/** What somebody did, or was refused to. */
export interface AuditEntry {
  readonly who: string
  /** The address that asked. */
  readonly from: string
  /** What was done: `bans.add`. */
  readonly action: string
  /** To what: the path with its names. */
  readonly target: string
  /** What the route says about it. */
  readonly details: string
  /** The status of the answer: below 300 it was done. */
  readonly status: number
}
