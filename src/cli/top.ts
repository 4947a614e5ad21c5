/** `tidegate top`: the addresses and prefixes that come most, live on a terminal. */
import type { Command } from 'commander'
import { TOP_LISTED_DEFAULT, TOP_LISTED_MAX, TOP_PATH, TOP_SPANS, TopAnswer, type TopSpan } from '../api/contract.ts'
import { adminOption } from './admin-option.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { showLive } from './live-screen.ts'
import { painterFor } from './painter.ts'
import { topText } from './top-text.ts'

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
    .addOption(adminOption())
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
  const textOf = (answer: TopAnswer) => topText(answer, painterFor(process.stdout))
  if (json) process.stdout.write(`${JSON.stringify(first)}\n`)
  else if (once || !process.stdout.isTTY) process.stdout.write(textOf(first))
  else await showLive(textOf(first), async () => textOf(await fetchAnswer(url, TopAnswer)))
}

function spanOf(text: string): TopSpan {
  const span = TOP_SPANS.find((span) => span === text)
  if (span !== undefined) return span
  throw new CommandError(`--by ${text} is unknown; expected ${TOP_SPANS.join(' or ')}.`, EXIT_CODES.usage)
}
