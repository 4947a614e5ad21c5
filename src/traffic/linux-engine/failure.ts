/** Which word of close-reason.ts a socket error is, and whether it is the machine's own want or the other side's doing. */
import { E } from '../../kernel/libc.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import { FLAG } from './connection.ts'
import type { Half } from './connection.ts'

/** The kernel has no room now (ENOSPC: for another epoll watch); nobody's fault on the wire. */
export function isShortage(code: number): boolean {
  return code === E.EMFILE || code === E.ENFILE || code === E.ENOBUFS || code === E.ENOMEM || code === E.ENOSPC
}

/** What we lack, source ports included, says nothing about the upstream. */
export function isOwnWant(code: number): boolean {
  return code === E.EADDRNOTAVAIL || isShortage(code)
}

function isReset(code: number): boolean {
  return code === E.ECONNRESET || code === E.EPIPE || code === E.ECONNABORTED || code === E.ECONNREFUSED
}

/** Notes the reason on the connection. */
export function blameFailure(half: Half, code: number): void {
  const { connection, isClient } = half
  if (isShortage(code)) connection.blame(CLOSE_REASON_CODES['out-of-memory'])
  else if (isReset(code)) connection.blame(CLOSE_REASON_CODES[isClient ? 'client-reset' : 'upstream-reset'])
  else connection.blame(CLOSE_REASON_CODES[isClient ? 'client-lost' : 'upstream-lost'])
}

/** A read failed: the half is dead, and what the kernel had of it has been read. */
export function failReading(half: Half, code: number): void {
  half.flags = (half.flags | FLAG.failed | FLAG.drained) & ~FLAG.readable
  blameFailure(half, code)
}

/** A write failed: the half is dead for writing; what it sent before may still be there to read. */
export function failWriting(half: Half, code: number): void {
  half.flags |= FLAG.failed
  blameFailure(half, code)
}
