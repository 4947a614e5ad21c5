/** Reads a file of an operator's whole, within a limit: lists, databases. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** The file cannot be had; the message goes on from the file's name. */
export class UnusableFile extends Error {
  override readonly name = 'UnusableFile'
}

/** Throws UnusableFile. */
export async function readWholeFile(path: string, bytesMax: number): Promise<Buffer> {
  try {
    // Without O_NONBLOCK a pipe of that name would hold up the start for ever.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await file.stat()
    if (!stats.isFile()) throw new UnusableFile('is not a file')
    if (stats.size > bytesMax) throw new UnusableFile(`is larger than ${bytesMax / 2 ** 20} MiB`)
    const bytes = Buffer.allocUnsafe(stats.size)
    let size = 0
    while (size < bytes.length) {
      const { bytesRead } = await file.read(bytes, size, bytes.length - size, null)
      if (bytesRead === 0) break
      size += bytesRead
    }
    return bytes.subarray(0, size)
  } catch (error) {
    if (error instanceof UnusableFile) throw error
    throw new UnusableFile(`cannot be read: ${explainReadError(error as NodeJS.ErrnoException)}`)
  }
}

/** In words, for a path from the configuration. */
export function explainReadError({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file (a relative path begins at the folder of the configuration)'
  if (code === 'EACCES') return 'no permission'
  return code === 'EISDIR' ? 'it is a folder' : (code ?? message)
}
