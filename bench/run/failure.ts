/** A failure the reader can act on: printed as one sentence, without a stack. */
export class BenchFailure extends Error {
  override readonly name = 'BenchFailure'
}
