/** What the shell is told. Scripts and service managers rely on the difference between 1 and 2. */
export const EXIT_CODES = { done: 0, failed: 1, usage: 2 } as const

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES]

/** Ends a command with one readable text on stderr, without a stack. */
export class CommandError extends Error {
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode = EXIT_CODES.failed) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}
