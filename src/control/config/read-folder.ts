/** Reads the path of a folder or a file; whether it is there, and may be written to, shows when it is used. */
import { read, unread } from './reading.ts'
import type { Reading } from './reading.ts'

/** PATH_MAX of Linux, with its final NUL. */
const PATH_BYTES_MAX = 4095

export function readFolder(text: string): Reading<string> {
  return readPath(text, 'a folder')
}

/** The same for a file. */
export function readFile(text: string): Reading<string> {
  return readPath(text, 'a file')
}

function readPath(text: string, what: string): Reading<string> {
  if (text === '') return unread('E_CONFIG_VALUE', `is empty; expected the path of ${what}`)
  if (/\p{Cc}/u.test(text)) return unread('E_CONFIG_VALUE', `has a control character; expected the path of ${what}`)
  if (text.startsWith('~')) {
    return unread('E_CONFIG_VALUE', 'begins with ~, which only a shell knows; write the whole path, or ${HOME}')
  }
  if (Buffer.byteLength(text) > PATH_BYTES_MAX) return unread('E_CONFIG_VALUE', 'is longer than a path can be')
  return read(text)
}
