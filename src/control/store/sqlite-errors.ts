/** From SQLite's result codes to ours [sqlite.org/rescode.html]. */
import { StoreError } from './store-error.ts'

const SQLITE = {
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  CONSTRAINT: 19,
  AUTH: 23,
  NOTADB: 26,
} as const

/** Of the file or folder, on opening. */
const NO_RIGHT = new Set(['EACCES', 'EPERM', 'EROFS'])
const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

interface Failure extends Error {
  readonly code?: string
  readonly errcode?: number
}

/** Whatever was thrown in the thread of the store, as one of ours. `path` is the file's. */
export function storeErrorOf(thrown: unknown, path: string): StoreError {
  if (thrown instanceof StoreError) return thrown
  const error = thrown as Failure
  const said = error.message
  if (error.errcode !== undefined) return ofResultCode(error.errcode & 0xff, said, path, error)
  if (NO_ROOM.has(error.code ?? '')) return new StoreError('E_STORE_FULL', full(path, said), error)
  if (NO_RIGHT.has(error.code ?? '')) return new StoreError('E_STORE_READ_ONLY', readOnly(path, said), error)
  // Any other errno: the file system says no.
  if (/^E[A-Z0-9]+$/.test(error.code ?? '')) return new StoreError('E_STORE_IO', io(path, said), error)
  return new StoreError('E_STORE_INTERNAL', `The store met what it does not expect: ${said}. Please report it.`, error)
}

function ofResultCode(code: number, said: string, path: string, error: Error): StoreError {
  switch (code) {
    case SQLITE.FULL:
      return new StoreError('E_STORE_FULL', full(path, said), error)
    case SQLITE.READONLY:
    case SQLITE.PERM:
    case SQLITE.AUTH:
      return new StoreError('E_STORE_READ_ONLY', readOnly(path, said), error)
    case SQLITE.IOERR:
    case SQLITE.CANTOPEN:
      return new StoreError('E_STORE_IO', io(path, said), error)
    case SQLITE.CORRUPT:
    case SQLITE.NOTADB:
      return new StoreError('E_STORE_DAMAGED', `${path} is damaged (${said}).`, error)
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
      return new StoreError('E_STORE_BUSY', `Another process holds ${path} (${said}). Try again in a moment.`, error)
    case SQLITE.CONSTRAINT:
      return new StoreError('E_STORE_EXISTS', `The store has one like it already (${said}).`, error)
    default:
      return new StoreError('E_STORE_INTERNAL', `SQLite refused with ${code}: ${said}. Please report it.`, error)
  }
}

function full(path: string, said: string): string {
  return `There is no room to write ${path} (${said}). Free some space on its disk; it is tried again by itself.`
}

function readOnly(path: string, said: string): string {
  return `${path} can't be written (${said}). Make the folder writable for the daemon's user, or set admin.stateDir to another.`
}

function io(path: string, said: string): string {
  return `The file system does not let us read or write ${path} (${said}). Look at the disk and the kernel's log; it is tried again by itself.`
}
