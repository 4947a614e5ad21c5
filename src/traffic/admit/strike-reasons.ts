/** Which ends of a connection are a strike against its client. */
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES } from '../close-reason.ts'
import type { CloseReason } from '../close-reason.ts'
import { STRIKE_CODES } from './strikes.ts'
import type { StrikeKind } from './strikes.ts'

export const NO_STRIKE = -1

const STRIKE_BY_REASON: Partial<Record<CloseReason, StrikeKind>> = {
  'first-byte-timeout': 'first-byte',
  'slow-send': 'slow-send',
  'slow-read': 'slow-read',
  'tiny-segments': 'tiny-segments',
  // The address is that of the socket: nothing else is known.
  'proxy-header-invalid': 'proxy-header',
  'proxy-header-timeout': 'proxy-header',
}

/** The client's own doing: an upstream that fails or closes leaves an unused connection too, and so do we. */
const UNUSED_REASONS: readonly CloseReason[] = [
  'client-closed',
  'client-reset',
  'client-lost',
  'client-left',
  'idle-timeout',
  'made-way',
]

const strikeByReasonCode = Int8Array.from(CLOSE_REASON_NAMES, (reason) => {
  const kind = STRIKE_BY_REASON[reason]
  return kind === undefined ? NO_STRIKE : STRIKE_CODES[kind]
})
const isUnusedReason = new Uint8Array(CLOSE_REASON_NAMES.length)
for (const reason of UNUSED_REASONS) isUnusedReason[CLOSE_REASON_CODES[reason]] = 1

/**
 * One of STRIKE_CODES, or NO_STRIKE. `couldBeUsed`: an upstream was connected, or only waited for the client's first
 * byte; without it a client that gives up is not to blame.
 */
export function strikeFor(reasonCode: number, couldBeUsed: boolean, bytesCarried: number): number {
  const strike = strikeByReasonCode[reasonCode]
  if (strike !== NO_STRIKE) return strike
  return couldBeUsed && bytesCarried === 0 && isUnusedReason[reasonCode] === 1 ? STRIKE_CODES.unused : NO_STRIKE
}
