/** Who changed what. Entries are never changed; the oldest go. */
import type { Database } from '../database.ts'

export const AUDIT_MAX = 100_000
/** Over a year. */
export const AUDIT_AGE_MS_MAX = 400 * 86_400_000
export const AUDIT_DETAILS_BYTES_MAX = 4_096
export const AUDIT_LISTED_MAX = 1_000
/** Of each word: what others wrote must not fill the disk. */
const WORD_MAX = 256

export interface NewAuditEntry {
  readonly atMs: number
  /** A user, `token NAME`, or `local` for the command line of this machine. */
  readonly who: string
  /** Their address; empty where there is none. */
  readonly from: string
  readonly action: string
  readonly target: string
  /** Anything JSON; cut beyond AUDIT_DETAILS_BYTES_MAX. */
  readonly details: unknown
  /** `done`, or the code of the error. */
  readonly result: string
}
export interface AuditEntry extends NewAuditEntry {
  readonly id: number
}

export interface AuditFilter {
  /** At most AUDIT_LISTED_MAX. */
  readonly limit: number
  /** The `next` of the page before. */
  readonly before?: number | undefined
  readonly who?: string | undefined
  readonly action?: string | undefined
  readonly target?: string | undefined
  readonly result?: string | undefined
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}
export interface AuditPage {
  /** The newest first. */
  readonly entries: readonly AuditEntry[]
  /** Null on the last page. */
  readonly next: number | null
}

type AuditRow = Omit<AuditEntry, 'details' | 'from'> & { details: string; address: string }

const LIST = `SELECT id, atMs, who, address, action, target, details, result FROM audit
  WHERE (:before IS NULL OR id < :before) AND (:who IS NULL OR who = :who) AND (:action IS NULL OR action = :action)
    AND (:target IS NULL OR target = :target) AND (:result IS NULL OR result = :result)
    AND (:fromMs IS NULL OR atMs >= :fromMs) AND (:toMs IS NULL OR atMs < :toMs)
  ORDER BY id DESC LIMIT :limit`

export const AUDIT = {
  reads: {
    list(db: Database, filter: AuditFilter): AuditPage {
      const { before, who, action, target, result, fromMs, toMs } = filter
      const limit = Math.min(filter.limit, AUDIT_LISTED_MAX)
      const rows = db.all<AuditRow>(LIST, {
        before: before ?? null,
        who: who ?? null,
        action: action ?? null,
        target: target ?? null,
        result: result ?? null,
        fromMs: fromMs ?? null,
        toMs: toMs ?? null,
        // One more tells whether there is another page.
        limit: limit + 1,
      })
      const entries = rows.slice(0, limit).map(entryOf)
      return { entries, next: rows.length > limit ? (entries.at(-1)?.id ?? null) : null }
    },
  },
  writes: {
    /** Its id. */
    add(db: Database, entry: NewAuditEntry): number {
      const { atMs, who, from, action, target, details, result } = entry
      const id = db.insert(
        `INSERT INTO audit (atMs, who, address, action, target, details, result)
          VALUES (:atMs, :who, :address, :action, :target, :details, :result)`,
        {
          atMs,
          who: cut(who),
          address: cut(from),
          action: cut(action),
          target: cut(target),
          details: detailsText(details),
          result: cut(result),
        },
      )
      db.run('DELETE FROM audit WHERE id <= :last OR atMs < :before', {
        last: id - AUDIT_MAX,
        before: atMs - AUDIT_AGE_MS_MAX,
      })
      return id
    },
  },
}

function cut(text: string): string {
  return text.slice(0, WORD_MAX)
}

/** What happened is told even where what it was about is too long. */
function detailsText(details: unknown): string {
  const text = JSON.stringify(details) ?? 'null'
  if (Buffer.byteLength(text) <= AUDIT_DETAILS_BYTES_MAX) return text
  // A character has at most 4 bytes, and its escape in the new text at most twice as many characters.
  return JSON.stringify({ cut: text.slice(0, AUDIT_DETAILS_BYTES_MAX / 8) })
}

function entryOf({ details, address, ...row }: AuditRow): AuditEntry {
  return { ...row, from: address, details: JSON.parse(details) as unknown }
}
