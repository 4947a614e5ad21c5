/**
 * A side that takes no bytes, and answers when it is asked. TCP_USER_TIMEOUT is meant for who is gone, but the kernel
 * ends by it whoever keeps its window closed for that long [Linux 5.11]. Whether that is too long is for `slowRead` and
 * `idleTimeout` to say, with a reason and a strike; so a look in time lifts the limit, and puts it back when the window is
 * open again. Part of the relay's look at its deadlines.
 */
import { unacknowledgedBytes } from '../../kernel/tcp-info.ts'
import { E } from '../../kernel/libc.ts'
import { OPTION, setInteger } from '../../kernel/socket-option.ts'
import { FLAG } from './connection.ts'
import type { Connection, Half } from './connection.ts'
import { endWithReset } from './end.ts'
import { blameFailure } from './failure.ts'
import type { Loop } from './loop.ts'

/** Looks within a userTimeout: the kernel counts from when the window closed, and a look may come late. */
const LOOKS_PER_TIMEOUT = 2
/** Probes come ever farther apart. One may be lost, and of two in half a second the kernel answers one. */
const UNANSWERED_PROBES_MAX = 1

/** When to look again; Infinity where no side has a userTimeout. It may have ended the connection: then its stage says so. */
export function lookAtWindows(loop: Loop, connection: Connection): number {
  const { plan, client, upstream } = connection
  const { clientSocket, upstreamSocket } = plan.service
  const clientDueMs = lookAtWindow(loop, client, clientSocket.userTimeoutMs ?? 0)
  const upstreamDueMs = lookAtWindow(loop, upstream, upstreamSocket.userTimeoutMs ?? 0)
  return Math.min(clientDueMs, upstreamDueMs)
}

function lookAtWindow(loop: Loop, half: Half, userTimeoutMs: number): number {
  if (userTimeoutMs === 0 || half.fd === -1) return Infinity
  const isWaitedFor = isClosed(loop, half)
  if (half.has(FLAG.waitedFor) && isWaitedFor && isGone(loop, userTimeoutMs)) {
    blameFailure(half, E.ETIMEDOUT)
    endWithReset(loop, half.connection)
    return Infinity
  }
  if (isWaitedFor !== half.has(FLAG.waitedFor)) {
    // 0 is the kernel's own limit, which holds for who does not answer.
    setInteger(half.fd, OPTION.userTimeoutMs, isWaitedFor ? 0 : userTimeoutMs)
    half.flags ^= FLAG.waitedFor
  }
  return loop.nowMs + userTimeoutMs / LOOKS_PER_TIMEOUT
}

/** Bytes are there for it, and none is under way to it. The limit is lifted only for who answers. */
function isClosed({ tcpInfo }: Loop, half: Half): boolean {
  if (unacknowledgedBytes(half.fd) === 0 || !tcpInfo.read(half.fd)) return false
  if (tcpInfo.segmentsInFlight > 0 || tcpInfo.bytesNotSent === 0) return false
  return half.has(FLAG.waitedFor) || tcpInfo.probes <= UNANSWERED_PROBES_MAX
}

/** With its limit put back, the kernel would find out at its next probe, which may be two minutes away. */
function isGone({ tcpInfo }: Loop, userTimeoutMs: number): boolean {
  return tcpInfo.probes > UNANSWERED_PROBES_MAX && tcpInfo.lastAnswerMs >= userTimeoutMs
}
