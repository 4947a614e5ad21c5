/** Keys for programs. Only the hash of a secret is kept. */
import type { Role } from '../../access/identity.ts'
import type { Database } from '../database.ts'
import { StoreError } from '../store-error.ts'

export const TOKENS_MAX = 1_000
/** A token may be used a thousand times a second; when it was used last is written once in so long. */
const USE_EVERY_MS = 60_000

export interface Token {
  readonly id: string
  /** SHA-256 of the secret, hex. */
  readonly hash: string
  readonly name: string
  readonly role: Role
  /** Null: all services, and what belongs to none. */
  readonly services: readonly string[] | null
  readonly createdMs: number
  /** Null: for good. */
  readonly expiresMs: number | null
  readonly lastUsedMs: number | null
  /** Who made it. */
  readonly by: string
}

type TokenRow = Omit<Token, 'services'> & { services: string | null }

const COLUMNS = 'id, hash, name, role, services, createdMs, expiresMs, lastUsedMs, by'

export const TOKENS = {
  reads: {
    /** Expired ones too. */
    findByHash(db: Database, hash: string): Token | undefined {
      const row = db.one<TokenRow>(`SELECT ${COLUMNS} FROM tokens WHERE hash = :hash`, { hash })
      return row && tokenOf(row)
    },
    /** The oldest first. */
    list: (db: Database): Token[] =>
      db.all<TokenRow>(`SELECT ${COLUMNS} FROM tokens ORDER BY createdMs, id`).map(tokenOf),
  },
  writes: {
    /** E_STORE_EXISTS for a name that is one's name or id, for an id or a secret; E_STORE_VALUE beyond TOKENS_MAX. */
    add(db: Database, token: Token): void {
      if (db.number('SELECT count(*) FROM tokens') >= TOKENS_MAX)
        throw new StoreError('E_STORE_VALUE', `There are ${TOKENS_MAX} tokens already; remove one first.`)
      if (db.number('SELECT count(*) FROM tokens WHERE name = :name OR id = :name', { name: token.name }) > 0)
        throw new StoreError('E_STORE_EXISTS', `There is a token ${token.name} already; take another name.`)
      db.run(
        `INSERT INTO tokens (${COLUMNS})
          VALUES (:id, :hash, :name, :role, :services, :createdMs, :expiresMs, :lastUsedMs, :by)`,
        { ...token, services: token.services && JSON.stringify(token.services) },
      )
    },
    remove: (db: Database, id: string): boolean => db.run('DELETE FROM tokens WHERE id = :id', { id }) === 1,
    noteUse(db: Database, id: string, atMs: number): void {
      const sql = 'UPDATE tokens SET lastUsedMs = :atMs WHERE id = :id AND coalesce(lastUsedMs, 0) <= :before'
      db.run(sql, { id, atMs, before: atMs - USE_EVERY_MS })
    },
  },
}

function tokenOf(row: TokenRow): Token {
  return { ...row, services: row.services === null ? null : (JSON.parse(row.services) as string[]) }
}
