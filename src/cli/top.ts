/** `tidegate top`: the addresses and prefixes that come most, live on a terminal. */
import type { Command } from 'commander'
import { setTimeout as delay } from 'node:timers/promises'
import { TOP_LISTED_DEFAULT, TOP_LISTED_MAX, TOP_PATH, TOP_SPANS, TopAnswer, type TopSpan } from '../api/contract.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { painterFor } from './painter.ts'
import { topText } from './top-text.ts'

const REFRESH_EVERY_MS = 1_000
/** Cursor to the top left, clear from there. */
const REDRAW = '\u001b[H\u001b[J'

interface Options {
  readonly admin?: string
  readonly service?: string
  readonly by: string
  readonly limit: string
  readonly json?: true
  readonly once?: true
}

export function addTopCommand(program: Command): void {
  const command = program
    .command('top')
    .description('Show the addresses or prefixes that come most to a running daemon; live on a terminal.')
    .option('--service <name>', 'only those of this service')
    .option('--by <span>', `what is one source: ${TOP_SPANS.join(' or ')}`, 'address')
    .option('--limit <rows>', `so many at most, up to ${TOP_LISTED_MAX}`, String(TOP_LISTED_DEFAULT))
    .option('--admin <address>', 'admin.listen of the daemon (default: $TIDEGATE_ADMIN or 127.0.0.1:9900)')
    .option('--once', 'show it once, as is done where the output is no terminal')
    .option('--json', 'write it once, as one JSON object')
    .action(async (options: Options) => showTop(options))
  addExamples(command, [
    ['tidegate top', 'live, once a second; end it with Ctrl-C'],
    ['tidegate top --service web --by prefix', 'the /24 and /48 that come most to one service'],
    ['tidegate top --json | jq -r .sources[0].source', 'who comes most, for a script'],
  ])
}

async function showTop(options: Options): Promise<void> {
  const { adminUrl, fetchAnswer } = await import('./admin-client.ts')
  const { service, by, limit, json, once } = options
  const query = new URLSearchParams({ by: spanOf(by), limit, ...(service === undefined ? {} : { service }) })
  const url = new URL(`${TOP_PATH}?${query.toString()}`, adminUrl(options.admin))
  const first = await fetchAnswer(url, TopAnswer)
  const paint = painterFor(process.stdout)
  if (json) process.stdout.write(`${JSON.stringify(first)}\n`)
  else if (once || !process.stdout.isTTY) process.stdout.write(topText(first, paint))
  else await showLive(first, () => fetchAnswer(url, TopAnswer))
}

/** Until Ctrl-C; a daemon that goes away is waited for. */
async function showLive(first: TopAnswer, fetchAgain: () => Promise<TopAnswer>): Promise<never> {
  const paint = painterFor(process.stdout)
  let text = topText(first, paint)
  for (;;) {
    process.stdout.write(REDRAW + clipped(text))
    await delay(REFRESH_EVERY_MS)
    try {
      text = topText(await fetchAgain(), paint)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      text = `${paint('red', error.message)}\nTrying again every second; Ctrl-C ends this.\n`
    }
  }
}

/** What fits on the terminal. */
function clipped(text: string): string {
  const lines = text.split('\n')
  // 0 where the terminal does not know.
  const rows = process.stdout.rows > 0 ? process.stdout.rows - 1 : Infinity
  return lines.slice(0, rows).join('\n')
}

function spanOf(text: string): TopSpan {
  const span = TOP_SPANS.find((span) => span === text)
  if (span !== undefined) return span
  throw new CommandError(`--by ${text} is unknown; expected ${TOP_SPANS.join(' or ')}.`, EXIT_CODES.usage)
}
