/** `tidegate status`: the numbers of a running daemon, live on a terminal. */
import type { Command } from 'commander'
import { setTimeout as delay } from 'node:timers/promises'
import type { NodeStatus } from '../api/contract.ts'
import { addExamples } from './examples.ts'
import { CommandError } from './exit-code.ts'
import { painterFor } from './painter.ts'
import { type StatusLook, statusText } from './status-table.ts'

const REFRESH_EVERY_MS = 1_000
/** Cursor to the top left, clear from there: no flicker, and the text stays when the command ends. */
const REDRAW = '\u001b[H\u001b[J'
const CLEAR_SCREEN = '\u001b[2J'

interface StatusOptions {
  readonly admin?: string
  readonly json?: true
  readonly once?: true
}

export function addStatusCommand(program: Command): void {
  const command = program
    .command('status')
    .description('Show connections, bytes and upstreams of a running daemon; live on a terminal.')
    .option('--admin <address>', 'admin.listen of the daemon (default: $TIDEGATE_ADMIN or 127.0.0.1:9900)')
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
  const first = await fetchStatus(admin)
  const paint = painterFor(process.stdout)
  if (options.json) process.stdout.write(`${JSON.stringify(first)}\n`)
  else if (options.once || !process.stdout.isTTY) {
    process.stdout.write(statusText({ atMs: performance.now(), status: first }, undefined, paint))
  } else await showLive(first, () => fetchStatus(admin))
}

/** Until Ctrl-C. A daemon that goes away is waited for: whoever watches a restart wants to see it come back. */
async function showLive(first: NodeStatus, fetchAgain: () => Promise<NodeStatus>): Promise<never> {
  const paint = painterFor(process.stdout)
  let now: StatusLook = { atMs: performance.now(), status: first }
  let text = statusText(now, undefined, paint)
  process.stdout.write(CLEAR_SCREEN)
  for (;;) {
    process.stdout.write(REDRAW + clipped(text))
    await delay(REFRESH_EVERY_MS)
    try {
      const before = now
      now = { atMs: performance.now(), status: await fetchAgain() }
      // A daemon that was started anew counts from 0: rates against the old counts would be nonsense.
      const isSame = before.status.startedAt === now.status.startedAt
      text = statusText(now, isSame ? before : undefined, paint)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      text = `${paint('red', error.message)}\nTrying again every second; Ctrl-C ends this.\n`
    }
  }
}

/** What fits on the terminal: a longer text would scroll, and the next one would be drawn over its middle. */
function clipped(text: string): string {
  const lines = text.split('\n')
  // 0 where the terminal does not know.
  const rows = process.stdout.rows > 0 ? process.stdout.rows - 1 : Infinity
  return lines.length <= rows ? text : [...lines.slice(0, rows - 1), '…'].join('\n')
}
