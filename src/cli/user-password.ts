/** A password for a user: out of a file or standard input, or a new one that is shown once. */
import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { CommandError, EXIT_CODES } from './exit-code.ts'

/** Without those that look like others. 20 of them have 99 bits. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789'

export interface ChosenPassword {
  readonly password: string
  /** Nobody has seen it yet. */
  readonly isNew: boolean
}

export async function choosePassword(file: string | undefined): Promise<ChosenPassword> {
  if (file === undefined) return { password: newPassword(), isNew: true }
  const text = file === '-' ? await (await import('node:stream/consumers')).text(process.stdin) : await textOf(file)
  return { password: text.replace(/\r?\n$/, ''), isNew: false }
}

function newPassword(): string {
  const group = (): string => Array.from({ length: 5 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
  return [group(), group(), group(), group()].join('-')
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new CommandError(`${file} can't be read: ${(error as Error).message}`, EXIT_CODES.usage)
  }
}
