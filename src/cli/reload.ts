/** `tidegate reload`: a running daemon reads its configuration again and takes it over without dropping a connection. */
import type { Command } from 'commander'
import { DRY_RUN_PARAMETER, RELOAD_PATH, RELOAD_TIMEOUT_MS, ReloadAnswer } from '../api/contract.ts'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES, type ExitCode } from './exit-code.ts'

interface ReloadOptions {
  readonly admin?: string
  readonly dryRun?: true
  readonly json?: true
}

const EXIT_BY_KIND: Readonly<Record<ReloadAnswer['kind'], ExitCode>> = {
  done: EXIT_CODES.done,
  checked: EXIT_CODES.done,
  'wrong-config': EXIT_CODES.usage,
  'needs-restart': EXIT_CODES.failed,
  failed: EXIT_CODES.failed,
}

export function addReloadCommand(program: Command): void {
  const command = program
    .command('reload')
    .description('Have a running daemon take over its changed configuration; no connection is dropped.')
    .addOption(adminOption())
    .option('--dry-run', 'show what would change, and change nothing')
    .option('--json', 'write the answer as one JSON object')
    .action(async (options: ReloadOptions) => reload(options))
  addExamples(command, [
    ['tidegate reload --dry-run', 'what would change'],
    ['tidegate reload', 'and now really; exit code 2 when the file is wrong'],
    ['kill -HUP PID', 'the same where admin.listen is off; the log says how it went'],
  ])
}

async function reload({ admin, dryRun, json }: ReloadOptions): Promise<void> {
  const { adminUrl, askAdmin } = await import('./admin-client.ts')
  const url = new URL(RELOAD_PATH, adminUrl(admin))
  if (dryRun) url.searchParams.set(DRY_RUN_PARAMETER, 'true')
  const answer = await askAdmin(url, ReloadAnswer, { method: 'POST' }, RELOAD_TIMEOUT_MS).catch(addHangupHint)
  if (json) process.stdout.write(`${JSON.stringify(answer)}\n`)
  else write(answer)
  process.exitCode = EXIT_BY_KIND[answer.kind]
}

function addHangupHint(error: unknown): never {
  if (!(error instanceof CommandError) || error.exitCode !== EXIT_CODES.failed) throw error
  throw new CommandError(`${error.message} Where admin.listen is off, send SIGHUP to the daemon instead.`)
}

function write(answer: ReloadAnswer): void {
  if (answer.kind === 'done') process.stdout.write(`${answer.text}\nReloaded.\n`)
  else if (answer.kind === 'checked') process.stdout.write(`${answer.text}\n`)
  else process.stderr.write(`${answer.text}\nNot reloaded, nothing has changed.\n`)
}
