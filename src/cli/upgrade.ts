/** `tidegate upgrade`: the running daemon starts the version that is installed now, and hands its listeners over. */
import type { Command } from 'commander'
import { UPGRADE_PATH, UPGRADE_TIMEOUT_MS, UpgradeAnswer } from '../api/contract.ts'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'

interface UpgradeOptions {
  readonly admin?: string
  readonly json?: true
}

export function addUpgradeCommand(program: Command): void {
  const command = program
    .command('upgrade')
    .description('Have a running daemon hand over to the version that is installed now; no connection is dropped.')
    .addOption(adminOption())
    .option('--json', 'write the answer as one JSON object')
    .action(async (options: UpgradeOptions) => upgrade(options))
  addExamples(command, [
    ['tidegate upgrade', 'after the new version was installed in place of the old one'],
    ['kill -USR2 PID', 'the same where admin.listen is off; the log says how it went'],
  ])
}

async function upgrade({ admin, json }: UpgradeOptions): Promise<void> {
  const { adminUrl, askAdmin } = await import('./admin-client.ts')
  const url = new URL(UPGRADE_PATH, adminUrl(admin))
  const answer = await askAdmin(url, UpgradeAnswer, { method: 'POST' }, UPGRADE_TIMEOUT_MS).catch(addSignalHint)
  if (json) process.stdout.write(`${JSON.stringify(answer)}\n`)
  else write(answer)
  process.exitCode = answer.kind === 'ready' ? EXIT_CODES.done : EXIT_CODES.failed
}

function addSignalHint(error: unknown): never {
  if (!(error instanceof CommandError) || error.exitCode !== EXIT_CODES.failed) throw error
  throw new CommandError(`${error.message} Where admin.listen is off, send SIGUSR2 to the daemon instead.`)
}

function write(answer: UpgradeAnswer): void {
  if (answer.kind === 'ready') {
    process.stdout.write(`Version ${answer.version} serves now (pid ${answer.pid}); the old process drains.\n`)
  } else {
    process.stderr.write(`${answer.why}\nNot upgraded: the running version goes on.\n`)
  }
}
