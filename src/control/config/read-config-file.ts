/** The bytes of a configuration file as text, within a limit. */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { formatSize } from '../../lib/size.ts'
import type { ConfigProblem } from './problem.ts'
import { ConfigError } from './problem.ts'

/** A thousand services take about 300 KiB. */
export const CONFIG_FILE_BYTES_MAX = 2 ** 20

export async function readConfigFile(path: string): Promise<string> {
  const bytes = await readConfigBytes(path)
  return decodeConfig(bytes, path)
}

/** Throws ConfigError. */
export async function readConfigBytes(path: string): Promise<Buffer> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    return await readUpTo(file, CONFIG_FILE_BYTES_MAX + 1)
  } catch (error) {
    throw fileError(path, explainReadError(error as NodeJS.ErrnoException))
  } finally {
    await file?.close()
  }
}

/** Not by the file's size: it may be a pipe, and it may grow. */
async function readUpTo(file: FileHandle, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let total = 0
  while (total < bytesMax) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, null)
    if (bytesRead === 0) break
    chunks.push(buffer.subarray(0, bytesRead))
    total += bytesRead
  }
  return Buffer.concat(chunks)
}

/** Throws ConfigError for what is no text, or too much of it. */
export function decodeConfig(bytes: Buffer, path: string): string {
  if (bytes.length > CONFIG_FILE_BYTES_MAX) {
    throw fileError(path, `the file is larger than ${formatSize(CONFIG_FILE_BYTES_MAX)}, the most that is read`)
  }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw fileError(path, 'the file is UTF-16 text; save it as UTF-8')
  }
  try {
    // A UTF-8 byte order mark is dropped here.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw fileError(path, 'the file is not UTF-8 text')
  }
}

function explainReadError(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'ENOTDIR':
      return 'a part of the path before the file is not a folder'
    case 'EACCES':
      return 'this user may not read the file'
    case 'EISDIR':
      return 'this is a folder, not a file'
    default:
      return `the file cannot be read: ${error.message}`
  }
}

function fileError(path: string, message: string): ConfigError {
  const problem: ConfigProblem = {
    code: 'E_CONFIG_FILE',
    file: path,
    line: 0,
    column: 0,
    key: '',
    value: undefined,
    message,
  }
  return new ConfigError([problem])
}
