/** The command line, as an operator of a running daemon uses it. */
import type { Daemon } from './daemon.ts'
import { type Answer, answerOf, TIDEGATE } from './started-program.ts'

/** `tidegate(daemon, 'bans', 'add', …)`: runs to its end; a non-zero exit code is an answer, too. */
export function tidegate(daemon: Daemon, ...args: string[]): Promise<Answer> {
  const env = { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: '', NO_COLOR: '1' }
  return answerOf(process.execPath, [TIDEGATE, ...args, '--admin', daemon.adminAddress.text], { env })
}
