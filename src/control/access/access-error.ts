/** Why access is refused; the codes are those of the API. */
export type AccessErrorCode =
  | 'E_REQUEST'
  | 'E_UNAUTHENTICATED'
  | 'E_SECOND_FACTOR'
  | 'E_FORBIDDEN'
  | 'E_NOT_FOUND'
  | 'E_CONFLICT'
  | 'E_TOO_MANY'

export class AccessError extends Error {
  override readonly name = 'AccessError'
  readonly code: AccessErrorCode
  /** With E_TOO_MANY. */
  readonly retryAfterMs: number | undefined

  constructor(code: AccessErrorCode, sentence: string, retryAfterMs?: number) {
    super(sentence)
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}
