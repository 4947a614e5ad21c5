/** `tidegate tokens`: keys for programs. */
import type { Command } from 'commander'
import {
  ACCESS_PATHS,
  NewTokenAnswer,
  type NewTokenRequest,
  type RoleWord,
  TOKEN_TTL_MS_MAX,
  tokenPath,
  TokensAnswer,
  type TokenView,
} from '../api/contract.ts'
import { parseDuration } from '../lib/duration.ts'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { painterFor } from './painter.ts'
import { shown, tableLines } from './table.ts'
import { roleOption } from './users.ts'

interface Options {
  readonly admin?: string
  readonly json?: true
}

export function addTokensCommand(program: Command): void {
  const command = program.command('tokens').description('Show the tokens of programs, make and remove them.')
  addExamples(command, [
    ['tidegate tokens', 'which there are'],
    ['tidegate tokens add monitoring --role viewer', 'prints the token, once'],
  ])
  addList(command)
  addAdd(command)
  addRemove(command)
}

function addList(command: Command): void {
  withOptions(command.command('list', { isDefault: true }))
    .description('Show the tokens.')
    .action(async (options: Options) => {
      const { adminUrl, fetchAnswer } = await import('./admin-client.ts')
      const answer = await fetchAnswer(new URL(ACCESS_PATHS.tokens, adminUrl(options.admin)), TokensAnswer)
      process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : tokensText(answer.tokens))
    })
}

function addAdd(command: Command): void {
  const add = withOptions(command.command('add'))
    .description('Make a token. It is printed once, and can not be shown again.')
    .argument('<name>', 'what it is for')
    .addOption(roleOption().makeOptionMandatory())
    .option('--service <names...>', 'for these services only (default: the whole node)')
    .option('--ttl <duration>', 'how long it lasts: 30d, 52w; or forever', '90d')
    .action(async (name: string, options: Options & { role: RoleWord; service?: string[]; ttl: string }) => {
      const { role, service: services, ttl } = options
      const ttlMs = ttlOf(ttl)
      const body: NewTokenRequest = { name, role, ...(services && { services }), ...(ttlMs && { ttlMs }) }
      const { adminUrl, changeAnswer } = await import('./admin-client.ts')
      const url = new URL(ACCESS_PATHS.tokens, adminUrl(options.admin))
      const answer = await changeAnswer(url, NewTokenAnswer, 'POST', body)
      process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : `${answer.secret}\n`)
    })
  addExamples(add, [
    ['tidegate tokens add monitoring --role viewer --ttl forever', 'for a program that looks'],
    ['tidegate tokens add deploy --role operator --service web', 'for one service'],
  ])
}

function addRemove(command: Command): void {
  withOptions(command.command('remove'))
    .description('Take a token back; from now on it is refused.')
    .argument('<name>', 'its name, or its id')
    .action(async (name: string, options: Options) => {
      const { adminUrl, changeAnswer } = await import('./admin-client.ts')
      const answer = await changeAnswer(new URL(tokenPath(name), adminUrl(options.admin)), TokensAnswer, 'DELETE')
      process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : `Removed ${name}.\n`)
    })
}

function withOptions(command: Command): Command {
  return command.addOption(adminOption()).option('--json', 'write the answer as JSON')
}

/** Undefined is for good. */
function ttlOf(text: string): number | undefined {
  if (text === 'forever') return undefined
  const ttl = parseDuration(text, TOKEN_TTL_MS_MAX)
  if (ttl.ok && ttl.value >= 1_000) return ttl.value
  throw new CommandError(
    `--ttl ${text} ${ttl.ok ? 'is less than a second' : ttl.problem}; or forever`,
    EXIT_CODES.usage,
  )
}

function tokensText(tokens: readonly TokenView[]): string {
  if (tokens.length === 0) return 'There are no tokens.\n'
  const nowMs = Date.now()
  const rows = tokens.map(({ name, role, services, until, lastUsed, by }) => {
    const isOver = until !== null && Date.parse(until) <= nowMs
    const cells = [
      shown(name),
      role,
      services === null ? 'the whole node' : services.map(shown).join(', '),
      isOver ? `over since ${until}` : (until ?? 'for good'),
      lastUsed ?? 'never',
      shown(by),
    ]
    return isOver ? { cells, style: 'yellow' as const } : { cells }
  })
  const columns = ['name', 'role', 'for', 'until', 'last used', 'by']
  return `${tableLines(columns, rows, painterFor(process.stdout)).join('\n')}\n`
}
