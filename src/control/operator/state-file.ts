/**
 * The file that keeps what an operator set over a restart: read at the start, written whole at each change. A write is
 * a new file, flushed and then renamed over the old one: a crash leaves the old or the new, never a half.
 */
import { constants } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const FILE_NAME = 'operator-states.json'
/** A state takes at most some 500 bytes, and a configuration has at most 100,000 values. */
export const STATE_FILE_BYTES_MAX = 64 * 1024 * 1024
/** Who may see which upstreams are out, and change it for the next start: the daemon's user alone. */
const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
const VERSION = 1

const StoredState = z.object({
  service: z.string(),
  upstream: z.string(),
  wanted: z.enum(['drain', 'down']),
  since: z.string(),
  by: z.string(),
})
/** `up` is what is not stored. */
export type StoredState = Readonly<z.infer<typeof StoredState>>

const StateFileContent = z.object({ version: z.literal(VERSION), upstreams: z.array(StoredState) })

export class StateFile {
  readonly path: string
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    this.path = join(folder, FILE_NAME)
  }

  /** Empty when there is no file. Throws where it can't be read or understood; `setAside` then keeps it for a look. */
  async read(): Promise<readonly StoredState[]> {
    const text = await this.#readText()
    return text === undefined ? [] : StateFileContent.parse(JSON.parse(text)).upstreams
  }

  async #readText(): Promise<string | undefined> {
    let file: FileHandle | undefined
    try {
      // Without O_NONBLOCK a pipe of that name would hold up the start for ever.
      file = await open(this.path, constants.O_RDONLY | constants.O_NONBLOCK)
      const { size } = await file.stat()
      if (size > STATE_FILE_BYTES_MAX) throw new Error(`the file has ${size} bytes, more than is ever written`)
      return await file.readFile('utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw error
    } finally {
      await file?.close()
    }
  }

  /** Moves a file that can't be used out of the way of the next write. Only the last such file is kept. */
  async setAside(): Promise<string> {
    const aside = `${this.path}.damaged`
    await rename(this.path, aside)
    return aside
  }

  /** Throws where it can't be written; the old file is then as it was. */
  async write(states: readonly StoredState[]): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE })
    // By process: during a hot upgrade two of them may write.
    const fresh = `${this.path}.${process.pid}.new`
    try {
      await rm(fresh, { force: true })
      await writeAndFlush(fresh, `${JSON.stringify({ version: VERSION, upstreams: states }, undefined, 2)}\n`)
      await rename(fresh, this.path)
    } catch (error) {
      await rm(fresh, { force: true }).catch(() => {})
      throw error
    }
    await flushFolder(this.#folder)
  }
}

/** Never through a link that somebody else has put there: the file must be a new one. */
async function writeAndFlush(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The rename itself is safe from a power cut only then. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
