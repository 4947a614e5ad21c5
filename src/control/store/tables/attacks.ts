/** A year of attacks, copied from src/control/detect/, whose own file keeps the newest 200. */
import type { AttackRecord } from '../../detect/attack.ts'
import type { Database } from '../database.ts'

/** Each some 6 KiB: 60 MB. */
export const ATTACKS_STORED_MAX = 10_000
export const ATTACK_AGE_MS_MAX = 366 * 86_400_000
export const ATTACKS_LISTED_MAX = 1_000

export interface AttackFilter {
  readonly limit: number
  readonly service?: string | undefined
  /** Those that were under way at some time from here … */
  readonly fromMs?: number | undefined
  /** … to here. */
  readonly toMs?: number | undefined
  /** The start of the last of the page before. */
  readonly startedBeforeMs?: number | undefined
}

interface AttackRow {
  readonly record: string
}

const LIST = `SELECT record FROM attacks
  WHERE (:service IS NULL OR service = :service) AND (:toMs IS NULL OR startMs < :toMs)
    AND (:fromMs IS NULL OR endMs IS NULL OR endMs >= :fromMs)
    AND (:startedBeforeMs IS NULL OR startMs < :startedBeforeMs)
  ORDER BY startMs DESC LIMIT :limit`
/** Its number begins anew where the file of the detector was lost: service and start say which attack it is. */
const PUT = `INSERT INTO attacks (service, startMs, number, endMs, record)
  VALUES (:service, :startMs, :number, :endMs, :record)
  ON CONFLICT (service, startMs) DO UPDATE SET number = :number, endMs = :endMs, record = :record`

export const ATTACKS = {
  reads: {
    /** The newest first. */
    list: (db: Database, filter: AttackFilter): AttackRecord[] =>
      db
        .all<AttackRow>(LIST, {
          service: filter.service ?? null,
          fromMs: filter.fromMs ?? null,
          toMs: filter.toMs ?? null,
          startedBeforeMs: filter.startedBeforeMs ?? null,
          limit: Math.min(filter.limit, ATTACKS_LISTED_MAX),
        })
        .map(recordOf),
    /** The newest of this number. */
    find(db: Database, id: number): AttackRecord | undefined {
      const sql = 'SELECT record FROM attacks WHERE number = :id ORDER BY startMs DESC LIMIT 1'
      const row = db.one<AttackRow>(sql, { id })
      return row && recordOf(row)
    },
  },
  writes: {
    /** New ones, and ones that went on. */
    put(db: Database, records: readonly AttackRecord[], nowMs: number): void {
      for (const record of records) {
        const endMs = record.end === null ? null : Date.parse(record.end)
        const { id: number, service, start } = record
        db.run(PUT, { service, startMs: Date.parse(start), number, endMs, record: JSON.stringify(record) })
      }
      db.run(
        `DELETE FROM attacks WHERE startMs < :before
          OR startMs < (SELECT startMs FROM attacks ORDER BY startMs DESC LIMIT 1 OFFSET :last)`,
        { before: nowMs - ATTACK_AGE_MS_MAX, last: ATTACKS_STORED_MAX - 1 },
      )
    },
  },
}

function recordOf({ record }: AttackRow): AttackRecord {
  return JSON.parse(record) as AttackRecord
}
