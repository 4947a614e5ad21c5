/** `tidegate status`: the numbers of a running daemon, live on a terminal. */
import type { Command } from 'commander'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'
import { showLive } from './live-screen.ts'
import { painterFor } from './painter.ts'
import { type StatusLook, statusText } from './status-table.ts'

interface StatusOptions {
  readonly admin?: string
  readonly json?: true
  readonly once?: true
}

export function addStatusCommand(program: Command): void {
  const command = program
    .command('status')
    .description('Show connections, bytes and upstreams of a running daemon; live on a terminal.')
    .addOption(adminOption())
    .option('--once', 'show it once, as is done where the output is no terminal')
    .option('--json', 'write it once, as one JSON object')
    .action(async (options: StatusOptions) => status(options))
  addExamples(command, [
    ['tidegate status', 'live, once a second; end it with Ctrl-C'],
    ['tidegate status --admin 192.0.2.10:9900', 'of a daemon elsewhere'],
    ['tidegate status --json | jq .connectionsOpen', 'one number, for a script'],
  ])
}

async function status(options: StatusOptions): Promise<void> {
  const { adminUrl, fetchStatus } = await import('./admin-client.ts')
  const admin = adminUrl(options.admin)
  const paint = painterFor(process.stdout)
  let now: StatusLook = { atMs: performance.now(), status: await fetchStatus(admin) }
  const firstText = statusText(now, undefined, paint)
  if (options.json) process.stdout.write(`${JSON.stringify(now.status)}\n`)
  else if (options.once || !process.stdout.isTTY) process.stdout.write(firstText)
  else {
    await showLive(firstText, async () => {
      const before = now
      now = { atMs: performance.now(), status: await fetchStatus(admin) }
      // A daemon that was started anew counts from 0: rates against the old counts would be nonsense.
      const isSame = before.status.startedAt === now.status.startedAt
      return statusText(now, isSame ? before : undefined, paint)
    })
  }
}
