/**
 * A file in the state folder that is written whole: a new file, flushed and then renamed over the old one, so that a
 * crash leaves the old or the new, never a half.
 */
import { constants } from 'node:fs'
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

/** Who may see what operators set, and change it for the next start: the daemon's user alone. */
const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
const REASON_CHARACTERS_MAX = 1_000

/** Whole, or in pieces. */
type Content = string | Uint8Array | AsyncIterable<string | Uint8Array>

export class DurableFile {
  readonly path: string
  readonly #folder: string
  readonly #bytesMax: number

  constructor(folder: string, name: string, bytesMax: number) {
    this.#folder = folder
    this.path = join(folder, name)
    this.#bytesMax = bytesMax
  }

  /** Undefined when there is no file. Throws where it can't be read. */
  async readText(): Promise<string | undefined> {
    return (await this.readBytes())?.toString('utf8')
  }

  async readBytes(): Promise<Buffer | undefined> {
    let file: FileHandle | undefined
    try {
      // Without O_NONBLOCK a pipe of that name would hold up the start for ever.
      file = await open(this.path, constants.O_RDONLY | constants.O_NONBLOCK)
      const { size } = await file.stat()
      if (size > this.#bytesMax) throw new Error(`the file has ${size} bytes, more than is ever written`)
      return await file.readFile()
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

  /** Throws where it can't be written; the old file is then as it was. Pieces are asked for one after the other. */
  async write(content: Content): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE })
    // By process: during a hot upgrade two of them may write.
    const fresh = `${this.path}.${process.pid}.new`
    try {
      await rm(fresh, { force: true })
      await writeAndFlush(fresh, content)
      await rename(fresh, this.path)
    } catch (error) {
      await rm(fresh, { force: true }).catch(() => {})
      throw error
    }
    await flushFolder(this.#folder)
  }
}

/** Why a file can't be used, for the log. One that is damaged may have a problem in each line. */
export function reasonOf(error: Error): string {
  const text = error instanceof z.ZodError ? z.prettifyError(error) : error.message
  return text.slice(0, REASON_CHARACTERS_MAX)
}

/** Never through a link that somebody else has put there: the file must be a new one. */
async function writeAndFlush(path: string, content: Content): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE)
  try {
    await writeFile(file, content)
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
