/** `--token-file`, TIDEGATE_TOKEN_FILE and TIDEGATE_TOKEN: who the command is to a daemon; `--fingerprint`: who that is. */
import type { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { CommandError, EXIT_CODES } from './exit-code.ts'

let file = variable('TIDEGATE_TOKEN_FILE')
let fingerprint = variable('TIDEGATE_FINGERPRINT')

/** For all commands: none of them has to know. */
export function addTokenOption(program: Command): void {
  program
    .option(
      '--token-file <file>',
      'a token for the daemon, before the command (default: $TIDEGATE_TOKEN_FILE, $TIDEGATE_TOKEN, or its own on this machine)',
    )
    .option(
      '--fingerprint <sha256>',
      'of the certificate of a daemon that speaks TLS, before the command (default: $TIDEGATE_FINGERPRINT; its log has it)',
    )
    .hook('preAction', () => {
      const given = program.opts<{ tokenFile?: string; fingerprint?: string }>()
      file = given.tokenFile ?? file
      fingerprint = given.fingerprint ?? fingerprint
    })
}

export function givenFingerprint(): string | undefined {
  return fingerprint
}

export interface GivenToken {
  readonly token: string
  /** A file, or `$TIDEGATE_TOKEN`. */
  readonly from: string
}

/** Undefined when none was given. Throws CommandError for a file that can't be read, and for what is no token. */
export function givenToken(): GivenToken | undefined {
  const text = file === undefined ? variable('TIDEGATE_TOKEN') : textOf(file)
  if (text === undefined) return undefined
  const from = file ?? '$TIDEGATE_TOKEN'
  if (/^[\x21-\x7e]+$/.test(text)) return { token: text, from }
  throw new CommandError(
    `What is in ${from} is no token: expected one line, as \`tidegate tokens add\` prints it.`,
    EXIT_CODES.usage,
  )
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new CommandError(`Cannot read the token: ${(error as Error).message}.`, EXIT_CODES.usage)
  }
}

/** An empty one, as `TOKEN: ${TOKEN:-}` of a compose file makes it, is none. */
function variable(name: string): string | undefined {
  const text = process.env[name]
  return text === '' ? undefined : text
}
