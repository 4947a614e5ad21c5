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

/** For a user of that name. */
export async function choosePassword(file: string | undefined, user: string): Promise<ChosenPassword> {
  if (file === undefined) return { password: newPassword(user), isNew: true }
  const text = file === '-' ? await (await import('node:stream/consumers')).text(process.stdin) : await textOf(file)
  return { password: text.replace(/\r?\n$/, ''), isNew: false }
}

/** One with the name in it would be refused (control/access/passwords.ts): for a name of one letter that is every second. */
function newPassword(user: string): string {
  const group = (): string => Array.from({ length: 5 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
  const made = (): string => [group(), group(), group(), group()].join('-')
  let password = made()
  // An empty name is in all of them; the daemon says what is wrong with it.
  while (user !== '' && password.includes(user.toLowerCase())) password = made()
  return password
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new CommandError(`${file} can't be read: ${(error as Error).message}`, EXIT_CODES.usage)
  }
}
