/** `tidegate probe …`: questions that are asked once, before clients are sent somewhere. */
import { Command } from 'commander'
import type { ProbeAttempt, UpstreamProbe } from '../control/golive/golive.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { painterFor, type Painter } from './painter.ts'
import { shown, tableLines } from './table.ts'

const WAIT_S_MAX = 30

export function addProbeCommand(program: Command): void {
  const command = program
    .command('probe')
    .description('Ask an upstream how it wants to be met, or DNS where a domain leads.')
  addUpstreamProbe(command)
  addExamples(command, [['tidegate probe upstream 203.0.113.10:443', 'does it take PROXY v1, v2 or none?']])
}

function addUpstreamProbe(parent: Command): void {
  const command = parent
    .command('upstream')
    .description(
      'Find out whether an upstream takes PROXY v1, v2 or none, speaks first, speaks TLS: at most 9 short connections.',
    )
    .argument('<host:port>', 'the upstream, as in `upstreams` of a service')
    .option('--name <host>', 'what TLS and HTTP are asked for (default: the host)')
    .option('--wait <seconds>', 'how long an answer may take (default: 2)')
    .option('--json', 'write what was found, with every attempt, as one JSON object')
    .action(async (target: string, options: UpstreamOptions) => upstream(target, options))
  addExamples(command, [
    ['tidegate probe upstream 203.0.113.10:443', 'says which `mode` the service needs'],
    ['tidegate probe upstream mail.example:25 --wait 10', 'for a server that takes its time to greet'],
    ['tidegate probe upstream "[2001:db8::10]:443" --json | jq .mode', 'for a script; exit code 1 when it is unclear'],
  ])
}

interface UpstreamOptions {
  readonly name?: string
  readonly wait?: string
  readonly json?: true
}

async function upstream(target: string, { name, wait, json }: UpstreamOptions): Promise<void> {
  const { ProbeTargetError, probeUpstream } = await import('../control/golive/golive.ts')
  try {
    const probe = await probeUpstream(target, { name, answerTimeoutMs: readWait(wait) })
    const text = json ? JSON.stringify(probe) : upstreamText(probe, painterFor(process.stdout))
    process.stdout.write(`${text}\n`)
    if (probe.mode === undefined) process.exitCode = EXIT_CODES.failed
  } catch (error) {
    if (error instanceof ProbeTargetError) throw new CommandError(error.message, EXIT_CODES.usage)
    throw error
  }
}

/** In milliseconds. */
function readWait(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (seconds > 0 && seconds <= WAIT_S_MAX) return seconds * 1000
  throw new CommandError(`--wait ${JSON.stringify(text)}: expected seconds, up to ${WAIT_S_MAX}.`, EXIT_CODES.usage)
}

export function upstreamText(probe: UpstreamProbe, paint: Painter): string {
  const verdict = paint(probe.mode === undefined ? 'yellow' : 'green', probe.sentence)
  const facts = [
    probe.speaksFirst === undefined ? '' : probe.speaksFirst ? 'It speaks first.' : 'It waits for the client to speak.',
    probe.speaksTls === undefined ? '' : probe.speaksTls ? 'It speaks TLS.' : 'It does not speak TLS.',
    probe.connectMs === undefined ? '' : `A connect takes ${probe.connectMs} ms.`,
  ].filter((fact) => fact !== '')
  const rows = probe.attempts.map((attempt) => ({
    cells: [
      attempt.header,
      attempt.said,
      sightText(attempt),
      attempt.answerMs === undefined ? '' : `${attempt.answerMs}`,
    ],
  }))
  return [
    `${shown(probe.target)}: ${verdict}`,
    ...(facts.length === 0 ? [] : [`  ${facts.join(' ')}`]),
    ...(probe.remedy === undefined ? [] : [`  → ${probe.remedy}`]),
    ...(rows.length === 0 ? [] : ['', ...tableLines(['header', 'then said', 'saw', 'ms'], rows, paint)]),
  ].join('\n')
}

function sightText({ saw }: ProbeAttempt): string {
  if (saw.kind === 'unreachable') return `no connection (${saw.code})`
  if (saw.kind !== 'bytes') return { closed: 'the end', reset: 'a reset', silent: 'nothing' }[saw.kind]
  if (saw.as === 'tls') return 'a TLS handshake'
  if (saw.as === 'tls-alert') return 'a TLS alert'
  return saw.as === 'http' ? `HTTP status ${saw.httpStatus}` : JSON.stringify(shown(saw.text))
}
