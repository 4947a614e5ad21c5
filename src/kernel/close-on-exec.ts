/** Keeps inherited files from being inherited once more: a listening socket in a process that never accepts holds clients. */
import { errno, errnoName, fcntl } from './libc.ts'
import type { Fd } from './libc.ts'

/** [fcntl(2)] */
const F_SETFD = 2
const FD_CLOEXEC = 1

export function closeOnExec(fds: readonly Fd[]): void {
  for (const fd of fds) if (fcntl(fd, F_SETFD, FD_CLOEXEC) !== 0) throw new Error(`fcntl(${fd}): ${errnoName(errno())}`)
}
