/** Who may log in. Passwords are hashes, made elsewhere; the store never sees one. */
import type { Role } from '../../access/identity.ts'
import type { Database } from '../database.ts'
import { StoreError } from '../store-error.ts'

export const USERS_MAX = 1_000

export interface User {
  readonly name: string
  readonly passwordHash: string
  readonly role: Role
  /** What access/second-factor.ts makes of it; null: no second factor. */
  readonly totpSecret: string | null
  readonly createdMs: number
  readonly lastLoginMs: number | null
  readonly isDisabled: boolean
}
export type UserChanges = Partial<Omit<User, 'name' | 'createdMs'>>

type UserRow = Omit<User, 'isDisabled'> & { isDisabled: number }

const COLUMNS = 'name, passwordHash, role, totpSecret, createdMs, lastLoginMs, isDisabled'
const INSERT = `INSERT INTO users (${COLUMNS})
  VALUES (:name, :passwordHash, :role, :totpSecret, :createdMs, :lastLoginMs, :isDisabled) ON CONFLICT DO NOTHING`
const ADMINS = "SELECT count(*) FROM users WHERE role = 'admin' AND isDisabled = 0"

export const USERS = {
  reads: {
    /** Names differ by more than case. */
    find: (db: Database, name: string): User | undefined => find(db, name),
    /** By name. */
    list: (db: Database): User[] => db.all<UserRow>(`SELECT ${COLUMNS} FROM users ORDER BY name`).map(userOf),
    count: (db: Database): number => db.number('SELECT count(*) FROM users'),
  },
  writes: {
    /** E_STORE_EXISTS; E_STORE_VALUE beyond USERS_MAX. */
    add(db: Database, user: User): void {
      if (db.number('SELECT count(*) FROM users') >= USERS_MAX)
        throw new StoreError('E_STORE_VALUE', `There are ${USERS_MAX} users already; remove one first.`)
      if (insert(db, user) === 0)
        throw new StoreError('E_STORE_EXISTS', `There is a user ${user.name} already; take another name.`)
    },
    /** For the set-up: false where somebody was there before. */
    addFirst(db: Database, user: User): boolean {
      return db.number('SELECT count(*) FROM users') === 0 && insert(db, user) === 1
    },
    /** False where there is none of the name. E_STORE_LAST_ADMIN where nobody would be left to undo it. */
    update(db: Database, name: string, changes: UserChanges): boolean {
      const user = find(db, name)
      if (user === undefined) return false
      const next = { ...user, ...changes }
      // Codes of the old secret say nothing about those of the new one.
      const forget = changes.totpSecret === undefined ? 'totpStep' : 'NULL'
      db.run(
        `UPDATE users SET passwordHash = :passwordHash, role = :role, totpSecret = :totpSecret,
          lastLoginMs = :lastLoginMs, isDisabled = :isDisabled, totpStep = ${forget} WHERE name = :name`,
        {
          name: user.name,
          passwordHash: next.passwordHash,
          role: next.role,
          totpSecret: next.totpSecret,
          lastLoginMs: next.lastLoginMs,
          isDisabled: Number(next.isDisabled),
        },
      )
      if (isAdmin(user) && !isAdmin(next)) keepAnAdmin(db, name)
      return true
    },
    /** With the user's sessions. False where there is none of the name; E_STORE_LAST_ADMIN as above. */
    remove(db: Database, name: string): boolean {
      const user = find(db, name)
      if (user === undefined) return false
      db.run('DELETE FROM sessions WHERE user = :name', { name: user.name })
      db.run('DELETE FROM users WHERE name = :name', { name: user.name })
      if (isAdmin(user)) keepAnAdmin(db, name)
      return true
    },
    /** Each code works once [RFC 6238 5.2]: false where this step, or a later one, was used before. */
    useTotpStep(db: Database, name: string, step: number): boolean {
      const sql = 'UPDATE users SET totpStep = :step WHERE name = :name AND (totpStep IS NULL OR totpStep < :step)'
      return db.run(sql, { name, step }) === 1
    },
  },
}

function find(db: Database, name: string): User | undefined {
  const row = db.one<UserRow>(`SELECT ${COLUMNS} FROM users WHERE name = :name`, { name })
  return row && userOf(row)
}

function insert(db: Database, user: User): number {
  return db.run(INSERT, { ...user, isDisabled: Number(user.isDisabled) })
}

function userOf(row: UserRow): User {
  return { ...row, isDisabled: row.isDisabled === 1 }
}

function isAdmin({ role, isDisabled }: User): boolean {
  return role === 'admin' && !isDisabled
}

/** Thrown inside the transaction, which takes the change back. */
function keepAnAdmin(db: Database, name: string): void {
  if (db.number(ADMINS) > 0) return
  throw new StoreError('E_STORE_LAST_ADMIN', `${name} is the last admin who can log in; make another one first.`)
}
