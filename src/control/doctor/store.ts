/** The finding about the store: can it be written, is there room for it, was it damaged? */
import { constants } from 'node:fs'
import { access, readdir, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { formatSize } from '../../lib/size.ts'
import type { Config } from '../config/config.ts'
import { STORE_FILE_NAME } from '../store/store.ts'
import type { Facts, StoreFact } from './facts.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

/** A write-ahead log, a backup, and some days until somebody looks. */
const FREE_BYTES_WANTED = 1024 * 1024 * 1024

export async function storeFact(config: Config | undefined): Promise<StoreFact | undefined> {
  if (config === undefined) return undefined
  const folder = config.admin.stateDir
  const names = await readdir(folder).catch(() => undefined)
  const parent = names === undefined ? await nearestFolder(folder) : folder
  const problem = await access(parent, constants.W_OK | constants.X_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  )
  const disk = await statfs(parent).catch(() => undefined)
  const file = await stat(join(folder, STORE_FILE_NAME)).catch(() => undefined)
  return {
    folder,
    problem,
    fileBytes: file?.size,
    freeBytes: disk === undefined ? undefined : disk.bavail * disk.bsize,
    damaged: names?.filter((name) => name.startsWith(`${STORE_FILE_NAME}.damaged`)).length ?? 0,
  }
}

/** Where a folder that is not there yet would be made. */
async function nearestFolder(path: string): Promise<string> {
  const parent = dirname(path)
  if (parent === path) return path
  const isThere = await stat(parent).then(
    (found) => found.isDirectory(),
    () => false,
  )
  return isThere ? parent : await nearestFolder(parent)
}

export function storeFinding({ store }: Facts): Finding | undefined {
  if (store === undefined) return undefined
  const { folder, problem, fileBytes, freeBytes, damaged } = store
  if (problem !== undefined)
    return fail(
      'store',
      `admin.stateDir, ${folder}, can't be written (${problem}): users, audit log, bans and statistics are lost at each restart.`,
      'Give the folder to the user of the daemon, or set admin.stateDir.',
    )
  const size = fileBytes === undefined ? 'is made at the first start' : `has ${formatSize(wholeMib(fileBytes))}`
  const free = freeBytes === undefined ? '' : `, with ${formatSize(wholeMib(freeBytes))} free`
  const sentence = `${join(folder, STORE_FILE_NAME)} ${size}${free}.`
  if (damaged > 0)
    return warn(
      'store',
      `${sentence} ${damaged === 1 ? 'A damaged file lies' : `${damaged} damaged files lie`} beside it.`,
      'Look at the disk; put a backup in its place while the daemon is stopped, or move the damaged file away.',
    )
  if (freeBytes !== undefined && freeBytes < FREE_BYTES_WANTED)
    return warn('store', sentence, 'Free some space: without it nothing new is kept. Traffic goes on.')
  return ok('store', sentence, '`tidegate backup FILE` copies it while the daemon runs.')
}

function wholeMib(bytes: number): number {
  return Math.max(1, Math.round(bytes / 2 ** 20)) * 2 ** 20
}
