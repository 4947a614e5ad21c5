/** Backups of the store in stateDir/backups. They are never deleted by us, and so there are never many. */
import { mkdir, readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { BackupResult } from './backup-file.ts'
import { type Store, StoreError } from './store.ts'

const FOLDER = 'backups'
const FOLDER_MODE = 0o700
/** Each may have the size of the store. */
export const BACKUPS_MAX = 20

export class BackupsError extends Error {
  override readonly name = 'BackupsError'
}

/** `name` is no path: letters, digits, dots. Throws StoreError, and BackupsError where there are too many. */
export async function backUpInto(
  store: Pick<Store, 'path' | 'backup'>,
  name = `tidegate-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}.db`,
): Promise<BackupResult> {
  if (store.path === undefined) throw new StoreError('E_STORE_OFF', 'This node runs without a store.')
  const folder = join(dirname(resolve(store.path)), FOLDER)
  const path = join(folder, name)
  if (dirname(path) !== folder) throw new BackupsError(`${JSON.stringify(name)} is no name of a file.`)
  const entries = await prepare(folder)
  if (entries.length >= BACKUPS_MAX)
    throw new BackupsError(`There are ${entries.length} files in ${folder}: move the old ones away.`)
  return await store.backup(path)
}

async function prepare(folder: string): Promise<string[]> {
  try {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
    return await readdir(folder)
  } catch (error) {
    throw new BackupsError(`${folder} can't be used: ${(error as Error).message}`)
  }
}
