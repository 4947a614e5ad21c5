/** Everything that can be wrong with a configuration, in one table, and the error that carries what was found. */
import type { ConfigPlace } from './config.ts'

/** Codes stay; sentences may get better. docs/config.md lists them from here. */
export const CONFIG_PROBLEMS = {
  E_CONFIG_FILE: 'The file cannot be read, is too large or is not UTF-8 text.',
  E_CONFIG_EMPTY: 'The file holds no configuration.',
  E_CONFIG_SYNTAX: 'The text is not YAML that this program takes.',
  E_CONFIG_DUPLICATE_KEY: 'A key stands twice in one mapping.',
  E_CONFIG_ALIAS: 'A YAML alias is unknown, refers to itself, or repeats too much.',
  E_CONFIG_ENV: 'A `${NAME}` cannot be replaced.',
  E_CONFIG_UNKNOWN_KEY: 'The key does not exist.',
  E_CONFIG_NOT_IN_THIS_VERSION: 'The key or word belongs to a later version.',
  E_CONFIG_MISSING: 'A required key is missing or has no value.',
  E_CONFIG_TYPE: 'A list, a mapping or a single value stands where another of them is expected.',
  E_CONFIG_VALUE: 'The value is none of the words or numbers allowed here.',
  E_CONFIG_PORT: 'The port is missing or out of range.',
  E_CONFIG_ADDRESS: 'The text is not an address that fits here.',
  E_CONFIG_HOSTNAME: 'The text is not a hostname.',
  E_CONFIG_URL: 'The URL of a check, or of who is notified, can never work.',
  E_CONFIG_PATTERN: 'The regular expression cannot be read, or not matched in one pass.',
  E_CONFIG_CERTIFICATE: 'A file of certificates cannot be read, or has none in it.',
  E_CONFIG_NETWORK: 'The text is not a network in CIDR form.',
  E_CONFIG_LIST: 'A list file cannot be read, is too large, or has no line that can be read.',
  E_CONFIG_DATABASE: 'A database of countries or AS numbers cannot be read, is damaged, or is missing.',
  E_CONFIG_COUNTRY: 'The text is not the two-letter code of a country.',
  E_CONFIG_ASN: 'The text is not an AS number.',
  E_CONFIG_DURATION: 'The duration is malformed or out of range.',
  E_CONFIG_SIZE: 'The size is malformed or out of range.',
  E_CONFIG_RATE: 'The rate is malformed or out of range.',
  E_CONFIG_NAME: 'The name has characters that are not allowed, or is too long.',
  E_CONFIG_DUPLICATE_NAME:
    'Two services, two upstreams of a service, two lists, or two channels or rules of notify have one name.',
  E_CONFIG_DUPLICATE_VALUE: 'A list has the same value twice.',
  E_CONFIG_DUPLICATE_UPSTREAM: 'A service has the same upstream address twice.',
  E_CONFIG_LISTEN_OVERLAP: 'Two listeners want the same address and port.',
  E_CONFIG_LOOP: 'Connections would come back to the service they left.',
  E_CONFIG_SOURCE_FAMILY: 'No source address has the IP version of the upstream.',
  E_CONFIG_TOO_MANY: 'A list is longer than its limit.',
  E_CONFIG_UNRESOLVED: 'The hostname of an upstream has no address.',
} as const
export type ConfigProblemCode = keyof typeof CONFIG_PROBLEMS

export interface ConfigProblem extends ConfigPlace {
  readonly code: ConfigProblemCode
  /** The value as shown to people: shortened, without control characters; undefined where there is none. */
  readonly value: string | undefined
  /** What is wrong with it, what is expected and what to do, as the rest of a sentence about the value. */
  readonly message: string
}

/** Lines that `format` prints before it only counts the rest. */
const FORMATTED_PROBLEMS_MAX = 100

/** All that is wrong with one configuration, in the order of the file. Commands end with exit code 2 on it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
    super(formatProblems(sorted))
    this.problems = sorted
  }

  /** One line a problem: `file:line:column: key: value and what is wrong with it [CODE]`. */
  format(): string {
    return formatProblems(this.problems)
  }

  toJSON(): { readonly error: string; readonly problems: readonly ConfigProblem[] } {
    return { error: this.name, problems: this.problems }
  }
}

function formatProblems(problems: readonly ConfigProblem[]): string {
  const lines = problems.slice(0, FORMATTED_PROBLEMS_MAX).map(formatProblem)
  const rest = problems.length - lines.length
  if (rest > 0) lines.push(`… and ${rest} more`)
  return lines.join('\n')
}

export function formatProblem(problem: ConfigProblem): string {
  const { file, line, column, key, value, message, code } = problem
  const where = line === 0 ? file : `${file}:${line}:${column}`
  const subject = key === '' ? '' : `${key}: `
  const shown = value === undefined ? '' : `${value} `
  return `${where}: ${subject}${shown}${message} [${code}]`
}

/** Characters of a value that an error shows: enough to find it, too few to leak a whole secret into a log. */
const SHOWN_CHARACTERS_MAX = 60

/** The value in quotes, shortened and on one line; a terminal must never see control characters out of a file. */
export function showValue(text: string): string {
  const characters = Array.from(text.slice(0, SHOWN_CHARACTERS_MAX * 2))
  const cut = text.length > characters.length || characters.length > SHOWN_CHARACTERS_MAX
  const shown = cut ? `${characters.slice(0, SHOWN_CHARACTERS_MAX).join('')}…` : text
  // Bidirectional and zero-width marks too: they make a line read as something it is not.
  const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
  return JSON.stringify(shown).replaceAll(unsafe, (character) => {
    return `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`
  })
}
