/** `tidegate check`: is the configuration right? Names are resolved as at the start; nothing is opened. */
import type { Command } from 'commander'
import { configOption } from './config-option.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'

interface CheckOptions {
  readonly config: string
  readonly json?: true
  readonly online?: true
}

export function addCheckCommand(program: Command): void {
  const command = program
    .command('check')
    .description('Check the configuration, hostnames included, without opening anything. Exit code 2 when it is wrong.')
    .addOption(configOption())
    .option('--online', 'also try every active check once; what the network says is a warning, not a mistake')
    .option('--json', 'write the result as one JSON object')
    .action(async (options: CheckOptions) => check(options))
  addExamples(command, [
    ['tidegate check', 'looks at ./tidegate.yaml'],
    ['tidegate check -c new.yaml && systemctl restart tidegate', 'restarts only with a good file'],
    ['tidegate check --online', 'asks every upstream that has a check how it is'],
    ['tidegate check --json | jq .problems', 'for programs'],
  ])
}

async function check({ config: path, json, online }: CheckOptions): Promise<void> {
  const { checkConfigFile, ConfigError } = await import('../main.ts')
  try {
    const summary = await checkConfigFile(path, process.env, { online: online === true })
    const { services, listeners, upstreams } = summary
    const parts = [counted(services, 'service'), counted(listeners, 'listener'), counted(upstreams, 'upstream')]
    const lines = [`${path} is right: ${parts.join(', ')}.`, ...listLines(summary), ...triedLines(summary.checks)]
    write(json ? JSON.stringify({ ok: true, ...summary }) : lines.join('\n'))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    if (!json) throw new CommandError(error.format(), EXIT_CODES.usage)
    write(JSON.stringify({ ok: false, ...error.toJSON() }))
    process.exitCode = EXIT_CODES.usage
  }
}

/** A line of a list that cannot be read is a warning: the rest of the list counts. */
function listLines({ lists, warnings }: Pick<Summary, 'lists' | 'warnings'>): string[] {
  const texts = lists.map(({ name, action, entries, badLines }) => {
    const bad = badLines === 0 ? '' : `, ${counted(badLines, 'line')} left out`
    return `list ${name}: ${entries === 1 ? '1 entry' : `${entries} entries`} to ${action}${bad}`
  })
  return [...texts, ...warnings.map((warning) => `warning: ${warning}`)]
}

interface Summary {
  readonly lists: readonly {
    readonly name: string
    readonly action: string
    readonly entries: number
    readonly badLines: number
  }[]
  readonly warnings: readonly string[]
}

interface Tried {
  readonly service: string
  readonly upstream: string
  readonly isGood: boolean
  readonly said: string
  readonly ms: number
}

/** The network is as it is now: what fails is a warning, and the exit code stays 0. */
function triedLines(checks: readonly Tried[] | undefined): string[] {
  if (checks === undefined) return []
  if (checks.length === 0) return ['No service has a check, so there is nothing to try.']
  return checks.map(({ service, upstream, isGood, said, ms }) => {
    const verdict = `${service}: upstream ${upstream} would be ${isGood ? 'up' : 'down'} (${ms} ms): ${said}`
    return isGood ? verdict : `warning: ${verdict}`
  })
}

function counted(count: number, word: string): string {
  return count === 1 ? `1 ${word}` : `${count} ${word}s`
}

function write(line: string): void {
  process.stdout.write(`${line}\n`)
}
