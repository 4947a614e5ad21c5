/** A copy of the store that is whole, however much is written meanwhile. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import type { Database } from './database.ts'
import { StoreError } from './store-error.ts'

export interface BackupResult {
  readonly path: string
  readonly bytes: number
}

const FILE_MODE = 0o600
/** Between two pieces, others get their turn. */
const PAGES_PER_PIECE = 256

/** Throws StoreError, or what the file system says; then there is no file, or the one that was there before. */
export async function backUp(db: Database, path: string): Promise<BackupResult> {
  if (existsSync(path)) throw new StoreError('E_STORE_EXISTS', `${path} is there already; name a new file.`)
  const fresh = `${path}.${process.pid}.new`
  try {
    // `wx`: never through a link that somebody else has put there.
    closeSync(openSync(fresh, 'wx', FILE_MODE))
    await copy(db.sqlite.location()!, fresh)
    finish(fresh)
    flush(fresh)
    renameSync(fresh, path)
    flush(dirname(path))
    return { path, bytes: statSync(path).size }
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  } finally {
    for (const companion of ['-wal', '-shm', '-journal']) rmSync(fresh + companion, { force: true })
  }
}

/**
 * From a connection of its own: what is written meanwhile by the one that is copied, which the copy would use in another
 * thread, made copies fail now and then (node:sqlite: error 0). And from one moment: a copy that follows the writes would begin again with each.
 */
async function copy(from: string, to: string): Promise<void> {
  const source = new DatabaseSync(from, { readOnly: true })
  try {
    source.exec('BEGIN')
    // A transaction begins with its first read.
    source.prepare('SELECT count(*) FROM sqlite_schema').get()
    await backup(source, to, { rate: PAGES_PER_PIECE })
  } finally {
    source.close()
  }
}

/** One file without companions, that was read through once. */
function finish(path: string): void {
  const copied = new DatabaseSync(path)
  try {
    copied.exec('PRAGMA journal_mode = DELETE')
    const said = Object.values(copied.prepare('PRAGMA quick_check(1)').get() ?? {})[0]
    if (said !== 'ok') throw new StoreError('E_STORE_IO', `The copy at ${path} is not whole (${String(said)}).`)
  } finally {
    copied.close()
  }
}

function flush(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
