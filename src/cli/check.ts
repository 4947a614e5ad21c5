/** `tidegate check`: is the configuration right? Names are resolved as at the start; nothing is opened. */
import type { Command } from 'commander'
import { configOption } from './config-option.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'

interface CheckOptions {
  readonly config: string
  readonly json?: true
}

export function addCheckCommand(program: Command): void {
  const command = program
    .command('check')
    .description('Check the configuration, hostnames included, without opening anything. Exit code 2 when it is wrong.')
    .addOption(configOption())
    .option('--json', 'write the result as one JSON object')
    .action(async (options: CheckOptions) => check(options))
  addExamples(command, [
    ['tidegate check', 'looks at ./tidegate.yaml'],
    ['tidegate check -c new.yaml && systemctl restart tidegate', 'restarts only with a good file'],
    ['tidegate check --json | jq .problems', 'for programs'],
  ])
}

async function check({ config: path, json }: CheckOptions): Promise<void> {
  const { checkConfigFile, ConfigError } = await import('../main.ts')
  try {
    const { services, listeners, upstreams } = await checkConfigFile(path, process.env)
    const parts = [counted(services, 'service'), counted(listeners, 'listener'), counted(upstreams, 'upstream')]
    const sentence = `${path} is right: ${parts.join(', ')}.`
    write(json ? JSON.stringify({ ok: true, services, listeners, upstreams }) : sentence)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    if (!json) throw new CommandError(error.format(), EXIT_CODES.usage)
    write(JSON.stringify({ ok: false, ...error.toJSON() }))
    process.exitCode = EXIT_CODES.usage
  }
}

function counted(count: number, word: string): string {
  return count === 1 ? `1 ${word}` : `${count} ${word}s`
}

function write(line: string): void {
  process.stdout.write(`${line}\n`)
}
