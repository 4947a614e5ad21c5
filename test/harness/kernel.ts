/**
 * What a test asks the kernel directly: a network namespace of its own, and the options that are set on a socket
 * of another process. Test code only; the daemon has its own adapter.
 */
import koffi from 'koffi'

const libc = koffi.load(null)
const unshareCall = libc.func('int unshare(int flags)')
const syscall3 = libc.func('long syscall(long number, long a, long b, long c)')
const getsockoptCall = libc.func(
  'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
)
const closeCall = libc.func('int close(int fd)')

const CLONE_NEWNET = 0x40000000
/** The same on x86-64 and arm64: both are newer than the common table of numbers. */
const SYS_PIDFD_OPEN = 434
const SYS_PIDFD_GETFD = 438

/** Moves this thread, and every process and thread it starts from now on, into an empty network. */
export function unshareNetwork(): void {
  if (unshareCall(CLONE_NEWNET) !== 0) throw new Error(`unshare(CLONE_NEWNET) failed with errno ${koffi.errno()}`)
}

/** The bytes getsockopt gives for a socket that another process holds. */
export function foreignSocketOption(pid: number, fd: number, level: number, name: number): Buffer {
  const pidFd = Number(syscall3(SYS_PIDFD_OPEN, pid, 0, 0))
  if (pidFd < 0) throw new Error(`pidfd_open(${pid}) failed with errno ${koffi.errno()}`)
  const copy = Number(syscall3(SYS_PIDFD_GETFD, pidFd, fd, 0))
  const copyErrno = koffi.errno()
  closeCall(pidFd)
  if (copy < 0) throw new Error(`pidfd_getfd(${pid}, ${fd}) failed with errno ${copyErrno}`)
  try {
    const value = Buffer.alloc(64)
    const length = [value.length]
    if (getsockoptCall(copy, level, name, value, length) !== 0) {
      throw new Error(`getsockopt(${level}, ${name}) failed with errno ${koffi.errno()}`)
    }
    return value.subarray(0, length[0])
  } finally {
    closeCall(copy)
  }
}

/** Levels and names of <linux/tcp.h> and <asm-generic/socket.h>. */
export const SOL_SOCKET = 1
export const IPPROTO_TCP = 6
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_KEEPALIVE = 9
export const TCP_NODELAY = 1
export const TCP_MAXSEG = 2
export const TCP_KEEPIDLE = 4
export const TCP_WINDOW_CLAMP = 10
export const TCP_CONGESTION = 13
export const TCP_USER_TIMEOUT = 18
export const TCP_NOTSENT_LOWAT = 25
