/**
 * Closing a connection without a word to the other side, which goes on to believe in it until it sends something: then the
 * kernel, which knows nothing of it any more, answers with a reset. As HAProxy's `silent-drop`.
 */
import { AF, close, errno, SOCK, socket } from './libc.ts'
import type { Fd } from './libc.ts'
import { closeWithReset, OPTION, setInteger } from './socket-option.ts'

/**
 * A socket in repair is closed without a packet [tcp_close in net/ipv4/tcp.c]. Where the right to that is missing, it is
 * reset with a packet that the first router throws away.
 */
export function closeSilently(fd: Fd): void {
  if (setInteger(fd, OPTION.repair, 1) === 0) {
    close(fd)
    return
  }
  // Each takes the socket of its own family, and of both where it is a mapped one.
  setInteger(fd, OPTION.timeToLive, 1)
  setInteger(fd, OPTION.hopLimit, 1)
  closeWithReset(fd)
}

/** Why this process can't do it without a packet: an errno, or 0 when it can. */
export function silentCloseProblem(): number {
  const fd = socket(AF.inet, SOCK.stream | SOCK.cloexec, 0)
  if (fd < 0) return errno()
  const code = setInteger(fd, OPTION.repair, 1)
  close(fd)
  return code
}
