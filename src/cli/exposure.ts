/** `tidegate exposure`: run on a machine that is not ours, it says which ports of an upstream answer a stranger. */
import type { Command } from 'commander'
import type { ExposureReport, ExposureVerdict } from '../control/golive/golive.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { painterFor, type Painter } from './painter.ts'
import { givenToken } from './token-option.ts'
import { shown, tableLines } from './table.ts'

const SEND_TIMEOUT_MS = 15_000
const SEND_PATH = '/api/v1/exposure'

interface ExposureOptions {
  readonly ports?: string
  readonly wait?: string
  readonly send?: string
  readonly json?: true
}

export function addExposureCommand(program: Command): void {
  const command = program
    .command('exposure')
    .description(
      'Say which ports of a host answer this machine. Run it where no node of ours is; exit code 1 when one is open.',
    )
    .argument('<host>', "the upstream's address or name")
    .option('--ports <ports>', 'with commas between them (default: 80,443)')
    .option('--wait <seconds>', 'how long each of two tries waits for an answer (default: 3)')
    .option('--send <url>', 'send the report to this control room, as well')
    // The program's own option takes it, wherever it stands.
    .option('--token-file <file>', 'the API token for --send (default: $TIDEGATE_TOKEN)')
    .option('--json', 'write the report as one JSON object')
    .action(async (host: string, options: ExposureOptions) => exposure(host, options))
  addExamples(command, [
    ['tidegate exposure 203.0.113.10 --ports 80,443,8443', 'open, closed or filtered, port by port'],
    ['tidegate exposure 203.0.113.10 --json > seen.json', 'for `tidegate golive web --exposure seen.json`'],
    ['tidegate exposure 203.0.113.10 --send https://node.example:9900 --token-file token', 'for the dashboard'],
  ])
}

async function exposure(host: string, options: ExposureOptions): Promise<void> {
  const { EXPOSURE_PORTS_DEFAULT, ExposureError, lookAtHost, worstVerdict } =
    await import('../control/golive/golive.ts')
  const ports = options.ports === undefined ? EXPOSURE_PORTS_DEFAULT : readPorts(options.ports)
  const target = options.send === undefined ? undefined : readTarget(options.send)
  try {
    const report = await lookAtHost(host, { ports, timeoutMs: readWait(options.wait) })
    process.stdout.write(
      `${options.json ? JSON.stringify(report) : exposureText(report, painterFor(process.stdout))}\n`,
    )
    if (target !== undefined) await send(report, target)
    if (worstVerdict(report.ports) === 'open') process.exitCode = EXIT_CODES.failed
  } catch (error) {
    if (error instanceof ExposureError) throw new CommandError(error.message, EXIT_CODES.usage)
    throw error
  }
}

function readPorts(text: string): number[] {
  return text.split(',').map((part) => {
    if (/^[1-9]\d{0,4}$/.test(part.trim())) return Number(part)
    throw new CommandError(`--ports ${JSON.stringify(text)}: expected ports such as 80,443.`, EXIT_CODES.usage)
  })
}

/** In milliseconds. */
function readWait(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 60) return seconds * 1000
  throw new CommandError(`--wait ${JSON.stringify(text)}: expected seconds, up to 60.`, EXIT_CODES.usage)
}

interface Target {
  readonly url: URL
  readonly token: string
}

/** Before anything is tried: a report that cannot be sent is found out at once. */
function readTarget(text: string): Target {
  const url = URL.canParse(text) ? new URL(SEND_PATH, text) : undefined
  const wrong = (why: string): CommandError =>
    new CommandError(`--send ${JSON.stringify(text)}: ${why}`, EXIT_CODES.usage)
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw wrong('expected a URL such as https://node.example:9900.')
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  if (url.protocol === 'http:' && !isHere) throw wrong('a token does not travel without TLS; expected https://.')
  const given = givenToken()
  if (given === undefined) throw wrong('needs a token, by --token-file or $TIDEGATE_TOKEN.')
  return { url, token: given.token }
}

async function send(report: ExposureReport, { url, token }: Target): Promise<void> {
  const failed = (why: string): CommandError =>
    new CommandError(`The report could not be sent to ${url.origin}: ${why}`)
  const { sendOnce } = await import('./admin-send.ts')
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(report),
    signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
  }
  const { status, text } = await sendOnce(url, request, token).catch((error: Error) => {
    throw failed(error.cause instanceof Error ? error.cause.message : error.message)
  })
  if (status >= 300) throw failed(`it answered ${status}. ${shown(text.slice(0, 300))}`)
  process.stderr.write(`The report was sent to ${url.origin}.\n`)
}

const COLOURS = { open: 'red', closed: 'yellow', unknown: 'yellow', filtered: undefined } as const
const SAYS: Readonly<Record<ExposureVerdict, string>> = {
  open: 'it takes connections from strangers',
  closed: 'it refuses, and so tells that it is there',
  filtered: 'no answer',
  unknown: 'could not be tried from here',
}

export function exposureText({ host, from, ports }: ExposureReport, paint: Painter): string {
  const rows = ports.map(({ address, port, verdict, ms }) => {
    const style = COLOURS[verdict]
    const cells = [address, `${port}`, verdict, `${ms}`, SAYS[verdict]]
    return style === undefined ? { cells } : { cells, style }
  })
  const own = from.length === 0 ? 'this machine' : from.join(', ')
  return [
    `${shown(host)}, seen from ${own}`,
    ...tableLines(['address', 'port', 'verdict', 'ms', ''], rows, paint),
  ].join('\n')
}
