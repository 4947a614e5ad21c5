/**
 * The file of the store as the thread opens it: for its user alone, in WAL mode, whole, and with the schema of this
 * version. One that is damaged is moved aside, never deleted, and begun anew.
 */
import { closeSync, constants, existsSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Database } from './database.ts'
import { migrate } from './migrations.ts'
import { storeErrorOf } from './sqlite-errors.ts'
import { StoreError } from './store-error.ts'
import { type SetAside, STORE_BYTES_MAX } from './store-messages.ts'

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
/** While another process writes: an upgrade's other version. */
const BUSY_MS = 5_000
const PAGE_BYTES = 4_096
/** A disk that spoils each new file must not be filled with them. */
export const DAMAGED_FILES_MAX = 10
const COMPANIONS = ['-wal', '-shm']

export interface OpenedFile {
  readonly db: Database
  /** What had been there was damaged. */
  readonly setAside: SetAside | undefined
}

export interface OpenOptions {
  readonly bytesMax?: number
  /** Looks through indexes too, which takes longer. */
  readonly isSuspect?: boolean
  readonly now?: Date
}

/** Throws StoreError. */
export function openStoreFile(path: string, options: OpenOptions = {}): OpenedFile {
  const { now = new Date() } = options
  try {
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE })
    return { db: openWhole(path, options), setAside: undefined }
  } catch (error) {
    const failure = storeErrorOf(error, path)
    if (failure.code !== 'E_STORE_DAMAGED') throw failure
    const movedTo = setAside(path, now)
    try {
      return { db: openWhole(path, options), setAside: { movedTo, reason: failure.message } }
    } catch (again) {
      throw storeErrorOf(again, path)
    }
  }
}

function openWhole(path: string, { bytesMax = STORE_BYTES_MAX, isSuspect = false }: OpenOptions): Database {
  makeOrCheck(path)
  const sqlite = new DatabaseSync(path, { timeout: BUSY_MS, allowExtension: false })
  try {
    sqlite.exec(`
      PRAGMA trusted_schema = OFF; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
      PRAGMA journal_size_limit = ${16 * 1024 * 1024}; PRAGMA max_page_count = ${Math.floor(bytesMax / PAGE_BYTES)};
    `)
    const db = new Database(sqlite)
    checkWhole(db, path, isSuspect ? 'integrity_check' : 'quick_check')
    migrate(db, path, Date.now())
    return db
  } catch (error) {
    sqlite.close()
    throw error
  }
}

/** SQLite would make a file that all may read, and would wait at a pipe. */
function makeOrCheck(path: string): void {
  const before = lstatSync(path, { throwIfNoEntry: false })
  if (before !== undefined && !before.isFile())
    throw new StoreError('E_STORE_FOREIGN', `${path} is no ordinary file; move it away.`)
  closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, FILE_MODE))
}

function checkWhole(db: Database, path: string, check: 'quick_check' | 'integrity_check'): void {
  const said = Object.values(db.one<Record<string, string>>(`PRAGMA ${check}(1)`) ?? {})[0]
  if (said !== 'ok') throw new StoreError('E_STORE_DAMAGED', `${path} is damaged (${said}).`)
}

/** With its write-ahead log, which belongs to it; where it is now. */
function setAside(path: string, now: Date): string {
  const prefix = `${basename(path)}.damaged-`
  const kept = readdirSync(dirname(path)).filter((name) => name.startsWith(prefix) && !isCompanion(name))
  if (kept.length >= DAMAGED_FILES_MAX)
    throw new StoreError(
      'E_STORE_DAMAGED',
      `${path} is damaged, and ${kept.length} damaged ones are beside it already. Move them away and look at the disk.`,
    )
  const movedTo = freeName(`${path}.damaged-${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}`)
  renameSync(path, movedTo)
  for (const companion of COMPANIONS)
    if (existsSync(path + companion)) renameSync(path + companion, movedTo + companion)
  return movedTo
}

function isCompanion(name: string): boolean {
  return COMPANIONS.some((companion) => name.endsWith(companion))
}

function freeName(wanted: string): string {
  let name = wanted
  for (let i = 2; existsSync(name); i++) name = `${wanted}-${i}`
  return name
}
