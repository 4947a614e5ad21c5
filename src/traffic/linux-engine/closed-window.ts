/**
 * A side that takes no bytes, and answers when it is asked. TCP_USER_TIMEOUT is meant for who is gone, but the kernel
 * ends by it whoever keeps its window closed for that long [Linux 5.11]. Whether that is too long is for `slowRead` and
 * `idleTimeout` to say, with a reason and a strike; so a look in time lifts the limit, and puts it back when the window is
 * open again. Part of the relay's look at its deadlines.
 */
import { unacknowledgedBytes } from '../../kernel/tcp-info.ts'
import { E } from '../../kernel/libc.ts'
import { OPTION, setInteger } from '../../kernel/socket-option.ts'
import { FLAG, NUMBER, NUMBERS } from './connection.ts'
import type { Connection, Half } from './connection.ts'
import { endWithReset } from './end.ts'
import { blameFailure } from './failure.ts'
import { orNever } from './first-look.ts'
import type { Loop } from './loop.ts'

/** Looks within a userTimeout: the kernel counts from when the window closed, and a look may come late. */
const LOOKS_PER_TIMEOUT = 2
/** Probes come ever farther apart. One may be lost, and of two in half a second the kernel answers one. */
const UNANSWERED_PROBES_MAX = 1

/** When to look again; Infinity where no side has a userTimeout. It may have ended the connection: then its stage says so. */
export function lookAtWindows(loop: Loop, connection: Connection): number {
  const { plan, slot, client, upstream } = connection
  const clientTimeoutMs = plan.service.clientSocket.userTimeoutMs ?? 0
  const upstreamTimeoutMs = plan.service.upstreamSocket.userTimeoutMs ?? 0
  const timeoutMs = Math.min(orNever(clientTimeoutMs), orNever(upstreamTimeoutMs))
  const { numbers } = loop.pool
  const at = slot * NUMBERS
  // All was taken, and nothing has come since: most connections that last are like this at most looks.
  if (timeoutMs === Infinity || numbers[at + NUMBER.activeMs] < numbers[at + NUMBER.deliveredMs]) {
    return loop.nowMs + timeoutMs / LOOKS_PER_TIMEOUT
  }
  const outstanding = unacknowledgedBytes(client.fd) + unacknowledgedBytes(upstream.fd)
  const isWaiting = client.has(FLAG.waitedFor) || upstream.has(FLAG.waitedFor)
  if (outstanding > 0 || isWaiting) {
    if (clientTimeoutMs > 0) lookAtWindow(loop, client, clientTimeoutMs)
    if (upstreamTimeoutMs > 0 && upstream.fd !== -1) lookAtWindow(loop, upstream, upstreamTimeoutMs)
  }
  numbers[at + NUMBER.deliveredMs] = outstanding === 0 ? loop.nowMs : 0
  return loop.nowMs + timeoutMs / LOOKS_PER_TIMEOUT
}

function lookAtWindow(loop: Loop, half: Half, userTimeoutMs: number): void {
  const { tcpInfo } = loop
  // Can't fail on a socket of ours.
  if (!tcpInfo.read(half.fd)) return
  const isWaitedFor = half.has(FLAG.waitedFor)
  // Bytes are there for it, and none is under way to it.
  const isClosed = tcpInfo.segmentsInFlight === 0 && tcpInfo.bytesNotSent > 0
  const answers = tcpInfo.probes <= UNANSWERED_PROBES_MAX
  if (isClosed && isWaitedFor && !answers && tcpInfo.lastAnswerMs >= userTimeoutMs) {
    // With its limit put back, the kernel would find out at its next probe, which may be two minutes away.
    blameFailure(half, E.ETIMEDOUT)
    return endWithReset(loop, half.connection)
  }
  if (isClosed === isWaitedFor || (isClosed && !answers)) return
  // 0 is the kernel's own limit, which holds for who does not answer.
  setInteger(half.fd, OPTION.userTimeoutMs, isClosed ? 0 : userTimeoutMs)
  half.flags ^= FLAG.waitedFor
}
