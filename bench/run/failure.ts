/** A failure the reader can act on: printed as one sentence, without a stack. */
export class BenchFailure extends Error {
  override readonly name: string = 'BenchFailure'
}

/** A wrong command line: exit code 2. */
export class UsageFailure extends BenchFailure {
  override readonly name = 'UsageFailure'
}
