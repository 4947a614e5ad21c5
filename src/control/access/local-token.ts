/**
 * The token of whoever works on this machine: `admin-token` in stateDir, which only the daemon's user can read. With it
 * the command line needs no account, and an operator who lost every password is not locked out.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { rmSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const LOCAL_TOKEN_FILE = 'admin-token'
/** In the name of each token, so that a leaked one is recognised for what it is. */
const PREFIX = 'tdg_local_'
const SECRET_BYTES = 32
/** The second is in memory: a full disk leaves it alone. */
const TEMPORARY = [tmpdir(), '/dev/shm']
const FORM = new RegExp(`^${PREFIX}[A-Za-z0-9_-]{43}$`)

export interface LocalTokenResult {
  readonly token: LocalToken | undefined
  /** Why there is none in stateDir: what a sentence that begins with the file's name goes on with. */
  readonly problem?: string
}

export class LocalToken {
  readonly file: string
  readonly #hash: Buffer

  constructor(file: string, text: string) {
    this.file = file
    this.#hash = hashOf(text)
  }

  isGivenBy(text: string): boolean {
    return timingSafeEqual(hashOf(text), this.#hash)
  }
}

/**
 * The one that is there, or a new one. It is kept over restarts: scripts may hold it. Where stateDir can't be written it
 * is in a folder for temporary files until the daemon ends: an operator with a full disk needs the commands most.
 */
export async function readLocalToken(stateDir: string): Promise<LocalTokenResult> {
  try {
    return { token: await tokenIn(stateDir) }
  } catch (error) {
    return { token: await temporaryToken(), problem: (error as Error).message }
  }
}

async function tokenIn(folder: string): Promise<LocalToken> {
  const path = join(folder, LOCAL_TOKEN_FILE)
  return new LocalToken(path, (await readIfThere(path)) ?? (await make(folder, path)))
}

async function temporaryToken(): Promise<LocalToken | undefined> {
  for (const parent of TEMPORARY) {
    try {
      // For us alone, and under a name that nobody could have taken.
      const folder = await mkdtemp(join(parent, 'tidegate-'))
      process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
      return await tokenIn(folder)
    } catch {
      // The next may do.
    }
  }
  return undefined
}

/** Undefined as well when what is there is no token: an empty file after a full disk, for example. */
async function readIfThere(path: string): Promise<string | undefined> {
  try {
    const text = (await readFile(path, 'utf8')).trim()
    // Others may have been let in by a restored backup or a careless copy.
    await chmod(path, 0o600)
    return FORM.test(text) ? text : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function make(stateDir: string, path: string): Promise<string> {
  const text = PREFIX + randomBytes(SECRET_BYTES).toString('base64url')
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  await writeFile(path, `${text}\n`, { mode: 0o600 })
  return text
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
