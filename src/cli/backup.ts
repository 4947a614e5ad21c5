/** `tidegate backup`: a whole copy of what the running daemon keeps, at a place of your choice. */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, lstat, rm, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { BACKUP_PATH, BACKUP_TIMEOUT_MS, BackupAnswer, type BackupRequest } from '../api/contract.ts'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'
import { CommandError } from './exit-code.ts'

interface BackupOptions {
  readonly admin?: string
  readonly json?: true
}

export function addBackupCommand(program: Command): void {
  const command = program
    .command('backup')
    .description(
      'Copy the store of the running daemon (users, audit log, history, statistics), whole, into a new file.',
    )
    .argument('<file>', 'where to; it must not be there yet')
    .addOption(adminOption())
    .option('--json', 'write the answer as JSON')
    .action(async (file: string, options: BackupOptions) => backup(file, options))
  addExamples(command, [
    ['tidegate backup /var/backups/tidegate-$(date +%F).db', 'while the daemon runs'],
    ['tidegate backup /mnt/backups/tidegate.db --json', 'for a script; exit code 1 when there is no backup'],
  ])
}

async function backup(file: string, options: BackupOptions): Promise<void> {
  // The copy says so too, but only after the work.
  if (await stat(file).catch(() => undefined)) throw new CommandError(`${file} is there already; name a new file.`)
  // Nobody can have a file of that name: whoever answers can't have another one moved, by root perhaps.
  const name = `tidegate-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${randomBytes(8).toString('hex')}.db`
  const { adminUrl, fetchAnswer } = await import('./admin-client.ts')
  const answer = await fetchAnswer(new URL(BACKUP_PATH, adminUrl(options.admin)), BackupAnswer, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name } satisfies BackupRequest),
    signal: AbortSignal.timeout(BACKUP_TIMEOUT_MS),
  })
  await moveTo(file, answer.path, name)
  const text = `${file}: ${answer.bytes} bytes.\n`
  process.stdout.write(options.json ? `${JSON.stringify({ path: file, bytes: answer.bytes })}\n` : text)
}

/** The daemon writes into its own folder only; from there on it is ours. */
async function moveTo(file: string, path: string, name: string): Promise<void> {
  try {
    if (basename(path) !== name || !(await lstat(path)).isFile())
      throw new Error('it is not the copy that was asked for')
    await copyFile(path, file, constants.COPYFILE_EXCL)
  } catch (error) {
    const why = (error as Error).message
    throw new CommandError(
      `The backup is at ${path}, on the machine of the daemon and for its user, and could not be copied: ${why}`,
    )
  }
  await rm(path, { force: true }).catch(() => {})
}
