/** Networks that operators put on lists through the API; the lists of files are not here. */
import type { Database } from '../database.ts'
import { StoreError } from '../store-error.ts'

/** Over all lists. */
export const LIST_ENTRIES_MAX = 100_000
export const LIST_ENTRIES_LISTED_MAX = 1_000
const COMMENT_MAX = 512

export interface ListEntry {
  readonly list: string
  /** As `formatNetwork` writes it; the same network is one entry. */
  readonly network: string
  readonly comment: string
  /** Null: for good. */
  readonly untilMs: number | null
  readonly by: string
  readonly sinceMs: number
}
export interface ListChange {
  readonly added: number
  readonly changed: number
  readonly removed: number
}
export interface ListEntryFilter {
  readonly limit: number
  /** The network that the page before ended with. */
  readonly after?: string | undefined
  /** A part of network, comment or who. */
  readonly search?: string | undefined
}

const COLUMNS = 'list, network, comment, untilMs, by, sinceMs'
const PUT = `INSERT INTO listEntries (${COLUMNS}) VALUES (:list, :network, :comment, :untilMs, :by, :sinceMs)
  ON CONFLICT (list, network) DO UPDATE SET comment = :comment, untilMs = :untilMs, by = :by, sinceMs = :sinceMs`
const PAGE = `SELECT ${COLUMNS} FROM listEntries WHERE list = :list AND network > :after
    AND (:search = '' OR instr(network, lower(:search)) OR instr(lower(comment), lower(:search))
      OR instr(lower(by), lower(:search)))
  ORDER BY network LIMIT :limit`

export const LIST_ENTRIES = {
  reads: {
    /** Of all lists, those whose time is over included: at most LIST_ENTRIES_MAX. */
    all: (db: Database): ListEntry[] => db.all<ListEntry>(`SELECT ${COLUMNS} FROM listEntries ORDER BY list, network`),
    /** A page of one list, by network as text. */
    page: (db: Database, list: string, { limit, after, search }: ListEntryFilter): ListEntry[] =>
      db.all<ListEntry>(PAGE, {
        list,
        after: after ?? '',
        search: search ?? '',
        limit: Math.min(limit, LIST_ENTRIES_LISTED_MAX),
      }),
    count: (db: Database, list: string): number =>
      db.number('SELECT count(*) FROM listEntries WHERE list = :list', { list }),
  },
  writes: {
    /** All of them or, with E_STORE_VALUE, none. One that is there is changed. */
    put: (db: Database, entries: readonly ListEntry[]): ListChange => put(db, entries),
    /** How many were there. */
    remove(db: Database, list: string, networks: readonly string[]): number {
      let removed = 0
      for (const network of networks)
        removed += db.run('DELETE FROM listEntries WHERE list = :list AND network = :network', { list, network })
      return removed
    },
    /** From now on the list has these and no others. */
    replace(db: Database, list: string, entries: readonly ListEntry[]): ListChange {
      const kept = new Set(entries.map(({ network }) => network))
      const gone = db
        .all<{ network: string }>('SELECT network FROM listEntries WHERE list = :list', { list })
        .filter(({ network }) => !kept.has(network))
      for (const { network } of gone)
        db.run('DELETE FROM listEntries WHERE list = :list AND network = :network', { list, network })
      return {
        ...put(
          db,
          entries.map((entry) => ({ ...entry, list })),
        ),
        removed: gone.length,
      }
    },
    /** Those whose time is over, which are gone then. */
    takeExpired(db: Database, nowMs: number): ListEntry[] {
      const expired = db.all<ListEntry>(`SELECT ${COLUMNS} FROM listEntries WHERE untilMs <= :nowMs`, { nowMs })
      if (expired.length > 0) db.run('DELETE FROM listEntries WHERE untilMs <= :nowMs', { nowMs })
      return expired
    },
  },
}

function put(db: Database, entries: readonly ListEntry[]): ListChange {
  const before = db.number('SELECT count(*) FROM listEntries')
  for (const entry of entries) db.run(PUT, { ...entry, comment: entry.comment.slice(0, COMMENT_MAX) })
  const after = db.number('SELECT count(*) FROM listEntries')
  if (after > LIST_ENTRIES_MAX)
    throw new StoreError('E_STORE_VALUE', `Lists would have ${after} entries; there is room for ${LIST_ENTRIES_MAX}.`)
  return { added: after - before, changed: entries.length - (after - before), removed: 0 }
}
