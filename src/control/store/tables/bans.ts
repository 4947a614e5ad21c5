/** What operators have banned, copied from src/control/bans/, whose own file is what the node goes by. */
import type { Database } from '../database.ts'

/** The newest of them. */
export const BANS_STORED_MAX = 100_000

export interface BanByHand {
  /** As `banText` writes it. */
  readonly prefix: string
  readonly sinceMs: number
  /** Null: for good. */
  readonly untilMs: number | null
  readonly why: string
  readonly by: string
}

const COLUMNS = 'prefix, sinceMs, untilMs, why, by'
/** One that is as it was writes nothing. */
const PUT = `INSERT INTO bans (${COLUMNS}) VALUES (:prefix, :sinceMs, :untilMs, :why, :by)
  ON CONFLICT (prefix) DO UPDATE SET sinceMs = :sinceMs, untilMs = :untilMs, why = :why, by = :by
  WHERE sinceMs IS NOT :sinceMs OR untilMs IS NOT :untilMs OR why IS NOT :why OR by IS NOT :by`

export const BANS = {
  reads: {
    /** The newest first, those whose time is over included. */
    list: (db: Database): BanByHand[] => db.all<BanByHand>(`SELECT ${COLUMNS} FROM bans ORDER BY sinceMs DESC, prefix`),
  },
  writes: {
    /** From now on it has these and no others. */
    replace(db: Database, bans: readonly BanByHand[]): void {
      const kept = new Set(bans.slice(0, BANS_STORED_MAX).map(({ prefix }) => prefix))
      for (const { prefix } of db.all<{ prefix: string }>('SELECT prefix FROM bans'))
        if (!kept.has(prefix)) db.run('DELETE FROM bans WHERE prefix = :prefix', { prefix })
      for (const ban of bans.slice(0, BANS_STORED_MAX)) db.run(PUT, { ...ban })
    },
  },
}
