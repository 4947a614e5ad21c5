/** Reads a file of an operator's whole, within a limit: lists, databases, certificates. */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
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
    const bytes = Buffer.allocUnsafe(sizeOf(await file.stat(), bytesMax))
    let size = 0
    while (size < bytes.length) {
      const { bytesRead } = await file.read(bytes, size, bytes.length - size, null)
      if (bytesRead === 0) break
      size += bytesRead
    }
    return bytes.subarray(0, size)
  } catch (error) {
    throw unusable(error as Error)
  }
}

/** The same for small ones, where nobody can wait. Throws UnusableFile. */
export function readWholeFileSync(path: string, bytesMax: number): string {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      sizeOf(fstatSync(fd), bytesMax)
      return readFileSync(fd, 'utf8')
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw unusable(error as Error)
  }
}

function sizeOf(stats: Stats, bytesMax: number): number {
  // A pipe has no end, and neither has /dev/zero.
  if (!stats.isFile()) throw new UnusableFile('is not a file')
  if (stats.size > bytesMax) throw new UnusableFile(`is larger than ${bytesMax / 2 ** 20} MiB`)
  return stats.size
}

function unusable(error: Error): UnusableFile {
  if (error instanceof UnusableFile) return error
  return new UnusableFile(`cannot be read: ${explainReadError(error)}`)
}

/** In words, for a path from the configuration. */
function explainReadError({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file (a relative path begins at the folder of the configuration)'
  if (code === 'EACCES') return 'no permission'
  return code === 'EISDIR' ? 'it is a folder' : (code ?? message)
}
