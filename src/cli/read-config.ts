/** The configuration for a command that works without a daemon; a mistake in it ends the command. */
import { CommandError, EXIT_CODES } from './exit-code.ts'

export async function readConfig(path: string) {
  const { ConfigError, loadConfig } = await import('../main.ts')
  try {
    return await loadConfig(path, process.env)
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.format(), EXIT_CODES.usage)
    throw error
  }
}
