/** `tidegate run`: the daemon in the foreground, until a signal stops it. */
import type { Command } from 'commander'
import { configOption } from './config-option.ts'
import { addExamples } from './examples.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { packageVersion } from './package-version.ts'

/** Something that still holds the process this long after the daemon has stopped won't let go by itself. */
const EXIT_TIMEOUT_MS = 1_000

export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    .description(
      'Run the proxy in the foreground. SIGTERM or SIGINT drains it, a second one stops it at once; SIGHUP reloads.',
    )
    .addOption(configOption())
    .action(async ({ config }: { config: string }) => run(config))
  addExamples(command, [
    ['tidegate run', 'with ./tidegate.yaml'],
    ['tidegate run -c /etc/tidegate.yaml', 'with another file'],
    ['PORT=8443 tidegate run', 'where the file says "0.0.0.0:${PORT}"'],
  ])
}

async function run(configPath: string): Promise<void> {
  // The file is read later than now. Without a listener the signal would end us.
  process.on('SIGHUP', () => {})
  const { ConfigError, Hangup, Inheritance, loadConfig, noteConfigFile, runDaemon, StartError } =
    await import('../main.ts')
  const inheritance = Inheritance.take(process.env)
  const hangup = new Hangup()
  try {
    const configFile = await noteConfigFile(configPath)
    const config = await loadConfig(configPath, process.env)
    process.exitCode = await runDaemon({ config, configFile, version: packageVersion(), inheritance, hangup })
  } catch (error) {
    inheritance?.sayFailed(error instanceof ConfigError ? error.format() : (error as Error).message)
    if (error instanceof ConfigError) throw new CommandError(error.format(), EXIT_CODES.usage)
    if (error instanceof StartError) throw new CommandError(error.message, EXIT_CODES.failed)
    throw error
  } finally {
    setTimeout(() => process.exit(), EXIT_TIMEOUT_MS).unref()
  }
}
