/** What a socket's error means. */
import { constants } from 'node:os'
import type { CloseReason } from '../close-reason.ts'
import { isOutOfFiles } from './accept-pause.ts'
import type { Side } from './station.ts'

/** The other end said it: a reset, or an end behind which nothing is taken any more. */
const RESET = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ECONNREFUSED'])

/** Of a socket that was connected. What is no reset is silence: ETIMEDOUT, EHOSTUNREACH, ENETUNREACH and their like. */
export function reasonOfFailure(side: Side, { code }: NodeJS.ErrnoException): CloseReason {
  if (isOutOfFiles(code)) return 'out-of-memory'
  return code !== undefined && RESET.has(code) ? `${side}-reset` : `${side}-lost`
}

/** The positive errno; node:net's own errors have none. */
export function errnoOf({ errno }: NodeJS.ErrnoException): number {
  return errno === undefined ? constants.errno.EINVAL : Math.abs(errno)
}
