/** `tidegate doctor`: what this machine lets Tidegate do, each finding a sentence with its remedy. */
import type { Command } from 'commander'
import type { Finding, Level } from '../control/doctor/examine.ts'
import { addExamples } from './examples.ts'
import { EXIT_CODES } from './exit-code.ts'
import { type Painter, painterFor } from './painter.ts'
import { readConfig } from './read-config.ts'
import { wrap } from './wrap.ts'

interface DoctorOptions {
  readonly config?: string
  readonly json?: true
}

export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description(
      'Look at this machine: limits, kernel, ports, rights. Exit code 1 when something makes it impossible to run.',
    )
    .option('-c, --config <file>', 'look at what this configuration needs, too')
    .option('--json', 'write the findings as one JSON object')
    .action(async (options: DoctorOptions) => doctor(options))
  addExamples(command, [
    ['tidegate doctor', 'looks at the machine'],
    ['sudo -u tidegate tidegate doctor -c /etc/tidegate.yaml', 'as the user that will run it'],
    ['tidegate doctor --json | jq \'.findings[] | select(.level != "ok")\'', 'for programs'],
  ])
}

async function doctor({ config: path, json }: DoctorOptions): Promise<void> {
  const { examineMachine, worstLevel } = await import('../control/doctor/examine.ts')
  const config = path === undefined ? undefined : await readConfig(path)
  const findings = await examineMachine(config)
  const worst = worstLevel(findings)
  process.stdout.write(json ? `${JSON.stringify({ level: worst, findings })}\n` : report(findings))
  if (worst === 'fail') process.exitCode = EXIT_CODES.failed
}

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const
/** Level and its gap; what a sentence goes on with stands under its first word. */
const INDENT = 6

function report(findings: readonly Finding[]): string {
  const width = Math.min(process.stdout.columns ?? 100, 110) - INDENT
  const paint = painterFor(process.stdout)
  const lines = findings.flatMap((finding) => findingLines(finding, width, paint))
  return `${lines.join('\n')}\n\n${summary(findings)}\n`
}

function findingLines({ level, sentence, remedy }: Finding, width: number, paint: Painter): string[] {
  const label = paint(COLOURS[level], level.padEnd(INDENT))
  const [first, ...more] = wrap(sentence, width)
  const advice = remedy === undefined ? [] : wrap(`→ ${remedy}`, width)
  const dim = level === 'ok' ? advice.map((line) => paint('dim', line)) : advice
  return [label + first, ...[...more, ...dim].map((line) => ' '.repeat(INDENT) + line)]
}

function summary(findings: readonly Finding[]): string {
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length
  const said = [
    `${count('ok')} ok`,
    ...(['warn', 'fail'] as const).filter(count).map((level) => `${count(level)} ${level}`),
  ]
  return `${said.join(', ')}.`
}
