/** Why a message did not reach its receiver. */

export interface SendTrouble {
  /** Trying again changes nothing: the receiver understood, and refuses. */
  readonly isFinal?: boolean
  /** The receiver asks for so long a pause. */
  readonly retryAfterMs?: number | undefined
}

export class SendError extends Error {
  override readonly name = 'SendError'
  readonly isFinal: boolean
  readonly retryAfterMs: number | undefined

  /** Without the address that was asked: it may hold a secret. */
  constructor(message: string, { isFinal = false, retryAfterMs }: SendTrouble = {}) {
    super(message)
    this.isFinal = isFinal
    this.retryAfterMs = retryAfterMs
  }
}
