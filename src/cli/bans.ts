/** `tidegate bans`: who is banned, and what an operator bans and unbans. */
import type { Command } from 'commander'
import {
  BAN_COMMENT_CHARACTERS_MAX,
  BAN_TTL_MS_MAX,
  type BanChangeAnswer,
  BANS_LISTED_DEFAULT,
  BANS_LISTED_MAX,
  BANS_PER_REQUEST_MAX,
  type BanOriginWord,
} from '../api/contract.ts'
import { parseDuration } from '../lib/duration.ts'
import { adminOption } from './admin-option.ts'
import { banChangeText, bansText } from './bans-table.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { painterFor } from './painter.ts'

interface Options {
  readonly admin?: string
  readonly json?: true
}

/** CrowdSec's for decisions by hand: long enough to look for the cause, and nobody is forgotten for good. */
const TTL_DEFAULT = '4h'

export function addBansCommand(program: Command): void {
  const command = program.command('bans').description('Show who is banned by a running daemon, ban and unban.')
  addExamples(command, [
    ['tidegate bans', 'who is banned'],
    ['tidegate bans add 192.0.2.7', `refuse an address on all services, for ${TTL_DEFAULT}`],
    ['tidegate bans remove 192.0.2.7', 'let it in again'],
  ])
  addList(command)
  addAdd(command)
  addRemove(command)
  addFlush(command)
}

function addList(command: Command): void {
  const list = withOptions(command.command('list', { isDefault: true }))
    .description('Show bans, the newest first.')
    .option('--origin <origin>', 'only those made by: manual, strikes, neighbours or signals')
    .option('--covering <address>', 'only those that an address, or a prefix, is under')
    .option('--all', `all of them, not the newest ${BANS_LISTED_DEFAULT}`)
    .action(async (options: Options & { origin?: string; covering?: string; all?: true }) => {
      const { adminUrl, listBans } = await import('./admin-client.ts')
      const { origin, covering, all } = options
      const limit = String(all === true ? BANS_LISTED_MAX : BANS_LISTED_DEFAULT)
      const query = { limit, ...(origin && { origin }), ...(covering && { covering }) }
      const answer = await listBans(adminUrl(options.admin), query)
      const isPart = origin !== undefined || covering !== undefined
      const text = options.json ? `${JSON.stringify(answer)}\n` : bansText(answer, isPart, painterFor(process.stdout))
      process.stdout.write(text)
    })
  addExamples(list, [
    ['tidegate bans', 'the newest'],
    ['tidegate bans list --covering 192.0.2.7', 'is this address banned, and with which prefix'],
    ['tidegate bans list --all --json | jq', 'for programs'],
  ])
}

function addAdd(command: Command): void {
  const add = withOptions(command.command('add'))
    .description(
      'Ban addresses and prefixes, for a time; their open connections end. Again for one that is banned: from now on as said.',
    )
    .argument('[prefix...]', '192.0.2.1, 192.0.2.0/24, 2001:db8::/48; a bare IPv6 address is its /64')
    .option('--file <path>', 'more of them from a file, one a line, # begins a comment; - is standard input')
    .option('--ttl <duration>', 'how long: 30m, 4h, 7d; 0 or forever until it is removed', TTL_DEFAULT)
    .option('--comment <text>', 'why; shown in lists and in the log')
    .option('--force', 'also what is suspiciously wide: IPv4 beyond a /8, IPv6 beyond a /16')
    .action(async (prefixes: string[], options: Options & AddOptions) => {
      const wanted = await prefixesOf(prefixes, options.file)
      const ttlMs = ttlOf(options.ttl)
      const comment = commentOf(options.comment)
      const force = options.force === true
      await change(options, 'banned', wanted, (some) => ['POST', { prefixes: some, ttlMs, comment, force }])
    })
  addExamples(add, [
    ['tidegate bans add 192.0.2.7', `for ${TTL_DEFAULT}`],
    ['tidegate bans add 192.0.2.0/24 2001:db8::/48 --ttl forever --comment "scanner"', 'until it is removed'],
    ['tidegate bans add --file - --ttl 1d < addresses.txt', 'many at once'],
  ])
}

interface AddOptions {
  readonly file?: string
  readonly ttl: string
  readonly comment?: string
  readonly force?: true
}

function addRemove(command: Command): void {
  const remove = withOptions(command.command('remove'))
    .description('End bans before their time.')
    .argument('[prefix...]', 'as they are listed')
    .option('--file <path>', 'more of them from a file, one a line; - is standard input')
    .action(async (prefixes: string[], options: Options & { file?: string }) => {
      const wanted = await prefixesOf(prefixes, options.file)
      await change(options, 'unbanned', wanted, (some) => ['DELETE', { prefixes: some }])
    })
  addExamples(remove, [['tidegate bans remove 192.0.2.7 192.0.2.0/24', 'both may come again']])
}

function addFlush(command: Command): void {
  const flush = withOptions(command.command('flush'))
    .description('End all bans.')
    .option('--origin <origin>', 'only those made by: manual, strikes, neighbours or signals')
    .action(async (options: Options & { origin?: BanOriginWord }) => {
      const { adminUrl, changeBans } = await import('./admin-client.ts')
      const origin = options.origin === undefined ? {} : { origin: options.origin }
      const answer = await changeBans(adminUrl(options.admin), 'DELETE', { all: true, ...origin })
      show(answer, 'unbanned', options)
    })
  addExamples(flush, [['tidegate bans flush --origin strikes', 'those by hand stay']])
}

function withOptions(command: Command): Command {
  return command.addOption(adminOption()).option('--json', 'write the answer as JSON')
}

type Change = Parameters<typeof import('./admin-client.ts').changeBans> extends [URL, ...infer Rest] ? Rest : never

/** In as many requests as it takes; what was refused is told of all of them. */
async function change(
  options: Options,
  verb: 'banned' | 'unbanned',
  prefixes: readonly string[],
  changeOf: (some: string[]) => Change,
): Promise<void> {
  const { adminUrl, changeBans } = await import('./admin-client.ts')
  const admin = adminUrl(options.admin)
  let sum: BanChangeAnswer = { changed: 0, refused: [], stored: true, total: 0 }
  for (let from = 0; from < prefixes.length; from += BANS_PER_REQUEST_MAX) {
    const answer = await changeBans(admin, ...changeOf(prefixes.slice(from, from + BANS_PER_REQUEST_MAX)))
    sum = {
      changed: sum.changed + answer.changed,
      refused: [...sum.refused, ...answer.refused],
      stored: sum.stored && answer.stored,
      total: answer.total,
    }
  }
  show(sum, verb, options)
}

function show(answer: BanChangeAnswer, verb: 'banned' | 'unbanned', { json }: Options): void {
  const { out, problems } = banChangeText(answer, verb)
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : out)
  process.stderr.write(json ? '' : problems)
  if (answer.refused.length > 0) process.exitCode = EXIT_CODES.failed
}

async function prefixesOf(args: readonly string[], file: string | undefined): Promise<string[]> {
  const prefixes = [...args, ...(file === undefined ? [] : prefixesIn(await textOf(file)))]
  if (prefixes.length > 0) return prefixes
  throw new CommandError('Say which addresses or prefixes, or give a --file that has some.', EXIT_CODES.usage)
}

async function textOf(file: string): Promise<string> {
  if (file === '-') {
    const { text } = await import('node:stream/consumers')
    return await text(process.stdin)
  }
  const { readFile } = await import('node:fs/promises')
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new CommandError(`${file} can't be read: ${(error as Error).message}`, EXIT_CODES.usage)
  }
}

/** One a line; what follows # or ; is a comment, as in the lists of Spamhaus. */
function prefixesIn(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(/[#;].*$/, '').trim())
    .filter((line) => line !== '')
}

/** 0 is for good. */
function ttlOf(text: string): number {
  if (text === 'forever' || text === '0') return 0
  const ttl = parseDuration(text, BAN_TTL_MS_MAX)
  if (ttl.ok) return ttl.value
  throw new CommandError(`--ttl ${text} ${ttl.problem}; or forever`, EXIT_CODES.usage)
}

function commentOf(text = ''): string {
  if (text.length <= BAN_COMMENT_CHARACTERS_MAX) return text
  throw new CommandError(`--comment is longer than ${BAN_COMMENT_CHARACTERS_MAX} characters`, EXIT_CODES.usage)
}
