/** Who is logged in. Only the hash of a session's id is kept. */
import type { Database } from '../database.ts'

export const SESSIONS_MAX = 10_000
export const SESSIONS_PER_USER_MAX = 50
/** When a session was seen last is written once in so long. */
const SEEN_EVERY_MS = 60_000

export interface Session {
  /** SHA-256 of its id, hex. */
  readonly hash: string
  readonly user: string
  readonly createdMs: number
  readonly lastSeenMs: number
  readonly expiresMs: number
  /** From where it was begun. */
  readonly address: string
}

const COLUMNS = 'hash, user, createdMs, lastSeenMs, expiresMs, address'
const OLDEST_OF_USER = `DELETE FROM sessions WHERE hash IN
  (SELECT hash FROM sessions WHERE user = :user ORDER BY lastSeenMs DESC LIMIT -1 OFFSET :max)`
const OLDEST =
  'DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions ORDER BY lastSeenMs DESC LIMIT -1 OFFSET :max)'

export const SESSIONS = {
  reads: {
    /** Undefined once its time is over. */
    find: (db: Database, hash: string, nowMs: number): Session | undefined =>
      db.one<Session>(`SELECT ${COLUMNS} FROM sessions WHERE hash = :hash AND expiresMs > :nowMs`, { hash, nowMs }),
    /** The newest first. */
    ofUser: (db: Database, user: string, nowMs: number): Session[] =>
      db.all<Session>(
        `SELECT ${COLUMNS} FROM sessions WHERE user = :user AND expiresMs > :nowMs ORDER BY lastSeenMs DESC`,
        { user, nowMs },
      ),
  },
  writes: {
    /** Those that are over go, and beyond the bounds those that were not seen for the longest time. */
    add(db: Database, session: Session): void {
      db.run('DELETE FROM sessions WHERE expiresMs <= :nowMs', { nowMs: session.createdMs })
      db.run(`INSERT INTO sessions (${COLUMNS}) VALUES (:hash, :user, :createdMs, :lastSeenMs, :expiresMs, :address)`, {
        ...session,
      })
      db.run(OLDEST_OF_USER, { user: session.user, max: SESSIONS_PER_USER_MAX })
      db.run(OLDEST, { max: SESSIONS_MAX })
    },
    /** `expiresMs` moves with it. */
    touch(db: Database, hash: string, nowMs: number, expiresMs: number): void {
      db.run(
        `UPDATE sessions SET lastSeenMs = :nowMs, expiresMs = :expiresMs
          WHERE hash = :hash AND lastSeenMs <= :before`,
        { hash, nowMs, expiresMs, before: nowMs - SEEN_EVERY_MS },
      )
    },
    remove: (db: Database, hash: string): boolean => db.run('DELETE FROM sessions WHERE hash = :hash', { hash }) === 1,
    /** After a change of password or role: all of them, or all but one. */
    removeOfUser: (db: Database, user: string, exceptHash = ''): number =>
      db.run('DELETE FROM sessions WHERE user = :user AND hash <> :exceptHash', { user, exceptHash }),
  },
}
