/** What the configuration file was, when and by whom it was changed. A text that comes back is kept once. */
import { createHash } from 'node:crypto'
import type { Database } from '../database.ts'
import { StoreError } from '../store-error.ts'

export const CONFIG_VERSIONS_MAX = 1_000
export const CONFIG_TEXT_BYTES_MAX = 4 * 1024 * 1024
/** Of all texts; the oldest versions go. */
export const CONFIG_TEXTS_BYTES_MAX = 64 * 1024 * 1024

export interface ConfigVersion {
  readonly id: number
  readonly atMs: number
  readonly who: string
  readonly why: string
  /** Of its text, hex. */
  readonly sha256: string
  readonly bytes: number
}
export interface ConfigVersionText extends ConfigVersion {
  readonly text: string
}
export type NewConfigVersion = Pick<ConfigVersionText, 'atMs' | 'who' | 'why' | 'text'>

const COLUMNS = 'id, atMs, who, why, sha256, bytes'
const JOINED = `SELECT ${COLUMNS}, text FROM configHistory JOIN configTexts USING (sha256)`

export const CONFIG_HISTORY = {
  reads: {
    /** The newest first, without their texts; `before` is the id that the page before ended with. */
    list: (db: Database, limit: number, before: number | null = null): ConfigVersion[] =>
      db.all<ConfigVersion>(
        `SELECT ${COLUMNS} FROM configHistory JOIN configTexts USING (sha256)
          WHERE :before IS NULL OR id < :before ORDER BY id DESC LIMIT :limit`,
        { before, limit: Math.min(limit, CONFIG_VERSIONS_MAX) },
      ),
    find: (db: Database, id: number): ConfigVersionText | undefined =>
      db.one<ConfigVersionText>(`${JOINED} WHERE id = :id`, { id }),
    latest: (db: Database): ConfigVersionText | undefined =>
      db.one<ConfigVersionText>(`${JOINED} ORDER BY id DESC LIMIT 1`),
  },
  writes: {
    /** Where the newest has this very text, that one, and nothing is new. */
    add(db: Database, version: NewConfigVersion): { id: number; isNew: boolean } {
      const { text, atMs, who, why } = version
      const bytes = Buffer.byteLength(text)
      if (bytes > CONFIG_TEXT_BYTES_MAX)
        throw new StoreError('E_STORE_VALUE', `The configuration has ${bytes} bytes; its history keeps up to 4 MiB.`)
      const sha256 = createHash('sha256').update(text).digest('hex')
      const newest = db.one<ConfigVersion>('SELECT id, sha256 FROM configHistory ORDER BY id DESC LIMIT 1')
      if (newest?.sha256 === sha256) return { id: newest.id, isNew: false }
      db.run('INSERT INTO configTexts (sha256, text, bytes) VALUES (:sha256, :text, :bytes) ON CONFLICT DO NOTHING', {
        sha256,
        text,
        bytes,
      })
      const id = db.insert('INSERT INTO configHistory (atMs, who, why, sha256) VALUES (:atMs, :who, :why, :sha256)', {
        atMs,
        who,
        why,
        sha256,
      })
      forgetOldest(db)
      return { id, isNew: true }
    },
  },
}

function forgetOldest(db: Database): void {
  db.run('DELETE FROM configHistory WHERE id IN (SELECT id FROM configHistory ORDER BY id DESC LIMIT -1 OFFSET :max)', {
    max: CONFIG_VERSIONS_MAX,
  })
  dropUnusedTexts(db)
  while (db.number('SELECT sum(bytes) FROM configTexts') > CONFIG_TEXTS_BYTES_MAX) {
    db.run('DELETE FROM configHistory WHERE id = (SELECT min(id) FROM configHistory)')
    dropUnusedTexts(db)
  }
}

function dropUnusedTexts(db: Database): void {
  db.run('DELETE FROM configTexts WHERE sha256 NOT IN (SELECT sha256 FROM configHistory)')
}
