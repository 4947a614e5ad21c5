/**
 * Puts another text in the place of a file: a new file beside it, flushed, with the same owner and mode, and renamed over
 * it. Whoever reads, and a crash, finds the old text or the new one, never a half.
 */
import { constants } from 'node:fs'
import { access, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const WRITABLE = 0o222
const MODE = 0o7777

/** Why the file can't be replaced, as a sentence; undefined where it can. A test for root as well, who may everything. */
export async function whyReadOnly(path: string): Promise<string | undefined> {
  let target: string
  let file: Stats
  try {
    target = await realpath(path)
    file = await stat(target)
  } catch (error) {
    return `${path} cannot be looked at: ${(error as NodeJS.ErrnoException).code}.`
  }
  if (!file.isFile()) return `${path} is no ordinary file.`
  if (!(await isWritable(target, file))) return `${target} is read-only for the daemon's user.`
  const folder = dirname(target)
  if (!(await isWritable(folder, await stat(folder)))) {
    return `${folder} is read-only for the daemon's user: a new file must be put there to replace the old one.`
  }
  if (await isMountPoint(target)) {
    return `${target} is mounted by itself, as containers do, and cannot be replaced; mount its folder instead.`
  }
  return mayGiveAway(file)
    ? undefined
    : `${target} belongs to user ${file.uid}, group ${file.gid}, and the daemon could not keep that.`
}

/** `check` is asked right before the rename: what it throws leaves the old file. Throws where it can't be written. */
export async function replaceFile(
  path: string,
  bytes: Buffer,
  check: () => Promise<void> = async () => {},
): Promise<void> {
  // A symbolic link stays one.
  const target = await realpath(path)
  const folder = dirname(target)
  const fresh = freshName(target)
  await rm(fresh, { force: true })
  try {
    await writeFresh(fresh, bytes, await stat(target))
    await check()
    await rename(fresh, target)
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => {})
    throw error
  }
  await using directory = await open(folder, 'r')
  await directory.sync()
}

/** What a crash may have left beside the file. */
export async function removeLeftover(path: string): Promise<void> {
  await rm(freshName(await realpath(path)), { force: true })
}

/** One name, so that leftovers never add up. */
function freshName(target: string): string {
  return join(dirname(target), `.${basename(target)}.tidegate-new`)
}

/** Never through a link that somebody else has put there, and nobody else's to read before it has the mode of the old one. */
async function writeFresh(path: string, bytes: Buffer, like: Stats): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  const own = await file.stat()
  if (own.uid !== like.uid || own.gid !== like.gid) await file.chown(like.uid, like.gid)
  await file.chmod(like.mode & MODE)
  await file.writeFile(bytes)
  await file.sync()
}

async function isWritable(path: string, { mode }: Stats): Promise<boolean> {
  if ((mode & WRITABLE) === 0) return false
  return await access(path, constants.W_OK).then(
    () => true,
    () => false,
  )
}

/** Root may, and everybody with files and groups of their own. */
function mayGiveAway({ uid, gid }: Stats): boolean {
  const own = process.geteuid?.()
  if (own === undefined || own === 0) return true
  return uid === own && (gid === process.getegid?.() || (process.getgroups?.().includes(gid) ?? false))
}

/** The fifth field of each line, with blanks as `\040` [proc_pid_mountinfo(5)]. */
async function isMountPoint(path: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  const escaped = path.replaceAll('\\', String.raw`\134`).replaceAll(' ', String.raw`\040`)
  return mounts.split('\n').some((line) => line.split(' ')[4] === escaped)
}
