/** `tidegate config`: the configuration file of a running daemon: what it is, was, and is to be. */
import type { Command } from 'commander'
import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import {
  CONFIG_DRY_RUN_PATH,
  CONFIG_HISTORY_PATH,
  CONFIG_PATH,
  CONFIG_ROLLBACK_PATH,
  ConfigAnswer,
  ConfigChangeAnswer,
  ConfigHistoryAnswer,
  RELOAD_TIMEOUT_MS,
} from '../api/contract.ts'
import { adminOption } from './admin-option.ts'
import { changeText, historyText } from './config-text.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES, type ExitCode } from './exit-code.ts'
import { painterFor } from './painter.ts'

interface Options {
  readonly admin?: string
  readonly json?: true
}
interface ChangeOptions extends Options {
  readonly why?: string
  readonly from?: string
}

const EXIT_BY_KIND: Readonly<Record<ConfigChangeAnswer['kind'], ExitCode>> = {
  done: EXIT_CODES.done,
  checked: EXIT_CODES.done,
  'wrong-config': EXIT_CODES.usage,
  'needs-restart': EXIT_CODES.failed,
  failed: EXIT_CODES.failed,
}

export function addConfigCommand(program: Command): void {
  const command = program
    .command('config')
    .description('The configuration file of a running daemon: show it, change it, go back to what it was.')
  addExamples(command, [
    ['tidegate config diff new.yaml', 'what another file would change'],
    ['tidegate config apply new.yaml --why "more upstreams"', 'and now really: written, taken over, kept in history'],
    ['tidegate config history', 'what it was, and who changed it'],
    ['tidegate config rollback 12', 'back to that'],
  ])
  addShow(command)
  addDiff(command)
  addApply(command)
  addHistory(command)
  addRollback(command)
}

function addShow(command: Command): void {
  withOptions(command.command('show'))
    .description('Show the file as it is.')
    .action(async (options: Options) => {
      const answer = await current(options)
      process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : answer.text)
      if (!options.json && answer.readOnly !== null) process.stderr.write(`${answer.readOnly}\n`)
    })
}

function addDiff(command: Command): void {
  withOptions(command.command('diff'))
    .description('Show what another file would change, or what is wrong with it; changes nothing.')
    .argument('<file>', 'the other file; - is standard input')
    .action(async (file: string, options: Options) => {
      const body = { text: await readText(file) }
      tell(await askForChange(options, 'POST', CONFIG_DRY_RUN_PATH, body), options, file)
    })
}

function addApply(command: Command): void {
  withOptions(command.command('apply'))
    .description('Put the text of a file in the configuration, and take it over. A wrong one changes nothing.')
    .argument('<file>', 'the other file; - is standard input')
    .option('--why <text>', 'for the history')
    .option('--from <version>', 'only if the daemon still has this version, as `config show --json` tells it')
    .action(async (file: string, options: ChangeOptions) => {
      const text = await readText(file)
      const version = options.from ?? (await current(options)).version
      tell(await askForChange(options, 'PUT', CONFIG_PATH, { text, version, why: options.why }), options, file)
    })
}

function addHistory(command: Command): void {
  withOptions(command.command('history'))
    .description('Show what the file was, the newest first.')
    .option('--limit <count>', 'so many', '50')
    .action(async (options: Options & { limit: string }) => {
      const { adminUrl, fetchAnswer } = await import('./admin-client.ts')
      const url = new URL(CONFIG_HISTORY_PATH, adminUrl(options.admin))
      url.searchParams.set('limit', options.limit)
      const answer = await fetchAnswer(url, ConfigHistoryAnswer)
      const text = options.json ? `${JSON.stringify(answer)}\n` : historyText(answer, painterFor(process.stdout))
      process.stdout.write(text)
    })
}

function addRollback(command: Command): void {
  withOptions(command.command('rollback'))
    .description('Put back a text of the history, and take it over.')
    .argument('<id>', 'as `tidegate config history` tells it')
    .option('--why <text>', 'for the history')
    .option('--from <version>', 'only if the daemon still has this version')
    .option('--dry-run', 'show what would change, and change nothing')
    .action(async (id: string, options: ChangeOptions & { dryRun?: true }) => {
      if (!/^[1-9]\d{0,8}$/.test(id)) {
        throw new CommandError(`${JSON.stringify(id)} is no id of the history.`, EXIT_CODES.usage)
      }
      const version = options.from ?? (await current(options)).version
      const body = { id: Number(id), version, why: options.why, dryRun: options.dryRun }
      tell(await askForChange(options, 'POST', CONFIG_ROLLBACK_PATH, body), options)
    })
}

function withOptions(command: Command): Command {
  return command.addOption(adminOption()).option('--json', 'write the answer as one JSON object')
}

async function current({ admin }: Options): Promise<ConfigAnswer> {
  const { adminUrl, fetchAnswer } = await import('./admin-client.ts')
  return await fetchAnswer(new URL(CONFIG_PATH, adminUrl(admin)), ConfigAnswer)
}

async function askForChange(
  { admin }: Options,
  method: 'POST' | 'PUT',
  path: string,
  body: object,
): Promise<ConfigChangeAnswer> {
  const { adminUrl, askAdmin } = await import('./admin-client.ts')
  const request = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return await askAdmin(new URL(path, adminUrl(admin)), ConfigChangeAnswer, request, RELOAD_TIMEOUT_MS)
}

function tell(answer: ConfigChangeAnswer, { json }: Options, file?: string): void {
  const { out, problems } = json
    ? { out: `${JSON.stringify(answer)}\n`, problems: '' }
    : changeText(answer, painterFor(process.stdout), file === '-' ? 'stdin' : file)
  process.stdout.write(out)
  process.stderr.write(problems)
  process.exitCode = EXIT_BY_KIND[answer.kind]
}

async function readText(file: string): Promise<string> {
  try {
    return file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8')
  } catch (error) {
    throw new CommandError(`Cannot read ${file}: ${(error as Error).message}.`, EXIT_CODES.usage)
  }
}
