/** Whether upstreams answered somebody who is not us: what vantages found. */
import type { Database } from '../database.ts'
import { StoreError } from '../store-error.ts'

export const EXPOSURE_RESULTS_MAX = 10_000
const DETAILS_BYTES_MAX = 64 * 1024
/** In one answer; an ordinary report has some 500 bytes. */
export const EXPOSURE_LIST_BYTES_MAX = 4 * 1024 * 1024

export interface ExposureResult {
  readonly id: number
  readonly atMs: number
  readonly service: string
  /** Who looked. */
  readonly vantage: string
  /** A word of whoever writes it, such as `hidden` or `exposed`. */
  readonly result: string
  readonly details: unknown
}
export interface ExposureFilter {
  readonly limit: number
  readonly service?: string | undefined
  /** The id that the page before ended with. */
  readonly before?: number | undefined
}

type ExposureRow = Omit<ExposureResult, 'details'> & { details: string }

const COLUMNS = 'id, atMs, service, vantage, result, details'
const LIST = `SELECT ${COLUMNS} FROM (
    SELECT *, sum(length(details)) OVER (ORDER BY id DESC) AS bytes FROM (
      SELECT ${COLUMNS} FROM exposure WHERE (:service IS NULL OR service = :service)
        AND (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit))
  WHERE bytes <= :bytesMax ORDER BY id DESC`

export const EXPOSURE = {
  reads: {
    /** The newest first; fewer where they are large: whoever looks must not pay for what others have sent. */
    list: (db: Database, { limit, service, before }: ExposureFilter): ExposureResult[] =>
      db
        .all<ExposureRow>(LIST, {
          service: service ?? null,
          before: before ?? null,
          limit: Math.min(limit, EXPOSURE_RESULTS_MAX),
          bytesMax: EXPOSURE_LIST_BYTES_MAX,
        })
        .map(resultOf),
  },
  writes: {
    /** Its id. */
    add(db: Database, { atMs, service, vantage, result, details }: Omit<ExposureResult, 'id'>): number {
      const text = JSON.stringify(details) ?? 'null'
      if (Buffer.byteLength(text) > DETAILS_BYTES_MAX)
        throw new StoreError('E_STORE_VALUE', `${Buffer.byteLength(text)} bytes are more than is kept of one result.`)
      const id = db.insert(
        `INSERT INTO exposure (atMs, service, vantage, result, details)
          VALUES (:atMs, :service, :vantage, :result, :details)`,
        { atMs, service, vantage, result, details: text },
      )
      db.run('DELETE FROM exposure WHERE id <= :last', { last: id - EXPOSURE_RESULTS_MAX })
      return id
    },
  },
}

function resultOf(row: ExposureRow): ExposureResult {
  return { ...row, details: JSON.parse(row.details) as unknown }
}
