/**
 * The command line. One file per command, one line here for each; a command's heavy parts are imported in its
 * action, so that `--help` and `status` start fast.
 */
import { Command, CommanderError } from 'commander'
import { addAttacksCommand } from './attacks.ts'
import { addBackupCommand } from './backup.ts'
import { addBansCommand } from './bans.ts'
import { addCheckCommand } from './check.ts'
import { addCheckIpCommand } from './check-ip.ts'
import { addConfigCommand } from './config.ts'
import { addDemoCommand } from './demo.ts'
import { addDoctorCommand } from './doctor.ts'
import { CommandError, EXIT_CODES, type ExitCode } from './exit-code.ts'
import { addExposureCommand } from './exposure.ts'
import { addFirewallCommand } from './firewall.ts'
import { addGoliveCommand } from './golive.ts'
import { addListsCommand } from './lists.ts'
import { addNotifyCommand } from './notify.ts'
import { packageVersion } from './package-version.ts'
import { addProbeCommand } from './probe.ts'
import { addReloadCommand } from './reload.ts'
import { addRunCommand } from './run.ts'
import { addSetUpLinkCommand } from './setup-link.ts'
import { addShieldCommand } from './shield.ts'
import { addStatusCommand } from './status.ts'
import { addTokenOption } from './token-option.ts'
import { addTokensCommand } from './tokens.ts'
import { addTopCommand } from './top.ts'
import { addUpgradeCommand } from './upgrade.ts'
import { addUpstreamsCommand } from './upstreams.ts'
import { addUsersCommand } from './users.ts'

/** Adds one command with its options, help and action. An action throws CommandError to end with 1 or 2. */
export type AddCommand = (program: Command) => void

const COMMANDS: readonly AddCommand[] = [
  addRunCommand,
  addCheckCommand,
  addDemoCommand,
  addDoctorCommand,
  addStatusCommand,
  addShieldCommand,
  addUpgradeCommand,
  addUpstreamsCommand,
  addReloadCommand,
  addConfigCommand,
  addAttacksCommand,
  addTopCommand,
  addNotifyCommand,
  addBansCommand,
  addListsCommand,
  addCheckIpCommand,
  addUsersCommand,
  addTokensCommand,
  addSetUpLinkCommand,
  addFirewallCommand,
  addProbeCommand,
  addExposureCommand,
  addGoliveCommand,
  addBackupCommand,
]

export function makeProgram(): Command {
  const program = new Command('tidegate')
    .description('A self-hosted anti-DDoS reverse proxy for TCP: the kernel moves the bytes, TypeScript decides.')
    .version(packageVersion(), '-V, --version')
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help to see what is possible)')
    .exitOverride()
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration.')
  addTokenOption(program)
  for (const addCommand of COMMANDS) addCommand(program)
  return program
}

/** Runs one command line and sets the exit code; never throws for what a user can do wrong. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = await exitCodeOf(makeProgram(), argv)
}

async function exitCodeOf(program: Command, argv: readonly string[]): Promise<ExitCode> {
  try {
    await program.parseAsync(argv)
    return (process.exitCode as ExitCode | undefined) ?? EXIT_CODES.done
  } catch (error) {
    // Commander has already written its message; it says 1 for wrong usage, where our contract says 2.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.usage
    if (error instanceof CommandError) {
      process.stderr.write(`${error.message}\n`)
      return error.exitCode
    }
    throw error
  }
}
