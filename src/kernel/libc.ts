/**
 * The one place that calls native code for traffic: libc through FFI, raw, without judgement.
 * Buffers are passed as addresses (numbers, see `addressOf`), which costs less than passing the Buffer;
 * whoever passes an address keeps the memory alive. Every call's result is checked where it is made,
 * and `errno()` is read at once when it is -1.
 */
import { constants } from 'node:os'
import koffi from 'koffi'

/** A file descriptor; -1 is none. */
export type Fd = number
/** A place in memory, as a number: addresses fit in 48 bits on all supported machines. */
export type Address = number

const library = koffi.load(null)

type Signature = [result: string, ...parameters: string[]]

function native<Call>(name: string, [result, ...parameters]: Signature): Call {
  return library.func(name, result, parameters) as unknown as Call
}

export const socket = native<(family: number, type: number, protocol: number) => Fd>('socket', [
  'int',
  'int',
  'int',
  'int',
])
export const bind = native<(fd: Fd, address: Address, bytes: number) => number>('bind', ['int', 'int', 'long', 'int'])
export const listen = native<(fd: Fd, backlog: number) => number>('listen', ['int', 'int', 'int'])
export const accept4 = native<(fd: Fd, address: Address, bytesAt: Address, flags: number) => Fd>('accept4', [
  'int',
  'int',
  'long',
  'long',
  'int',
])
export const connect = native<(fd: Fd, address: Address, bytes: number) => number>('connect', [
  'int',
  'int',
  'long',
  'int',
])
export const getsockname = native<(fd: Fd, address: Address, bytesAt: Address) => number>('getsockname', [
  'int',
  'int',
  'long',
  'long',
])
export const getsockopt = native<(fd: Fd, level: number, option: number, value: Address, bytesAt: Address) => number>(
  'getsockopt',
  ['int', 'int', 'int', 'int', 'long', 'long'],
)
export const setsockopt = native<(fd: Fd, level: number, option: number, value: Address, bytes: number) => number>(
  'setsockopt',
  ['int', 'int', 'int', 'int', 'long', 'int'],
)
/** Returns bytes, 0 at the end of the stream, or -1. */
export const recv = native<(fd: Fd, to: Address, bytes: number, flags: number) => number>('recv', [
  'int',
  'int',
  'long',
  'int',
  'int',
])
export const send = native<(fd: Fd, from: Address, bytes: number, flags: number) => number>('send', [
  'int',
  'int',
  'long',
  'int',
  'int',
])
export const shutdown = native<(fd: Fd, how: number) => number>('shutdown', ['int', 'int', 'int'])
export const close = native<(fd: Fd) => number>('close', ['int', 'int'])
export const read = native<(fd: Fd, to: Address, bytes: number) => number>('read', ['int', 'int', 'long', 'int'])
export const write = native<(fd: Fd, from: Address, bytes: number) => number>('write', ['int', 'int', 'long', 'int'])
export const epollCreate1 = native<(flags: number) => Fd>('epoll_create1', ['int', 'int'])
export const epollCtl = native<(epoll: Fd, operation: number, fd: Fd, event: Address) => number>('epoll_ctl', [
  'int',
  'int',
  'int',
  'int',
  'long',
])
export const epollWait = native<(epoll: Fd, events: Address, eventsMax: number, timeoutMs: number) => number>(
  'epoll_wait',
  ['int', 'int', 'long', 'int', 'int'],
)
export const eventfd = native<(initial: number, flags: number) => Fd>('eventfd', ['int', 'uint', 'int'])
export const pipe2 = native<(fds: Address, flags: number) => number>('pipe2', ['int', 'long', 'int'])
/** Offsets are left out: sockets and pipes have none. */
export const splice = native<(from: Fd, noOffset: 0, to: Fd, noOffsetToo: 0, bytes: number, flags: number) => number>(
  'splice',
  ['int', 'int', 'long', 'int', 'long', 'int', 'uint'],
)
export const fcntl = native<(fd: Fd, command: number, value: number) => number>('fcntl', ['int', 'int', 'int', 'long'])
export const ioctl = native<(fd: Fd, request: number, value: Address) => number>('ioctl', [
  'int',
  'int',
  'ulong',
  'long',
])
export const getpid = native<() => number>('getpid', ['int'])

/** glibc has no wrappers for io_uring. The numbers are the same on all architectures. */
const SYSTEM_CALL = { ioUringSetup: 425, ioUringEnter: 426 } as const
const ioUringSetupCall = native<(call: number, entries: number, params: Address) => Fd>('syscall', [
  'long',
  'long',
  'uint',
  'long',
])
const ioUringEnterCall = native<
  (call: number, fd: Fd, submit: number, wait: number, flags: number, noSignals: 0, noBytes: 0) => number
>('syscall', ['long', 'long', 'int', 'uint', 'uint', 'uint', 'long', 'long'])

export function ioUringSetup(entries: number, params: Address): Fd {
  return ioUringSetupCall(SYSTEM_CALL.ioUringSetup, entries, params)
}
/** Returns how many entries were taken, or -1. */
export function ioUringEnter(fd: Fd, submit: number, wait: number, flags: number): number {
  return ioUringEnterCall(SYSTEM_CALL.ioUringEnter, fd, submit, wait, flags, 0, 0)
}

/** The error of the call that has just returned -1. */
export const errno: () => number = koffi.errno

/** Where the buffer's bytes are. Backing stores do not move; the caller keeps the buffer referenced while it is used. */
export function addressOf(buffer: ArrayBufferView): Address {
  return Number(koffi.address(buffer))
}

const mmap = native<
  (hint: Address, bytes: number, protection: number, flags: number, fd: Fd, offset: number) => Address
>('mmap', ['long', 'long', 'long', 'int', 'int', 'int', 'long'])
const READ_WRITE = 0x3
const PRIVATE_ANONYMOUS = 0x22
/** Below 2 GiB; x64 only. Elsewhere a hint does the same where the place is free. */
const MAP_32BIT = process.arch === 'x64' ? 0x40 : 0
const LOW_HINT = process.arch === 'x64' ? 0 : 0x1000_0000

/** Zeroed memory of the process, below 2 GiB if the kernel can; undefined when it has none. Never unmapped. */
export function mapMemory(bytes: number): Address | undefined {
  const at = mmap(LOW_HINT, bytes, READ_WRITE, PRIVATE_ANONYMOUS | MAP_32BIT, -1, 0)
  if (at !== -1) return at
  const anywhere = mmap(0, bytes, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0)
  return anywhere === -1 ? undefined : anywhere
}

const SHARED_POPULATE = 0x8001

/** Memory shared with the kernel at `offset` of an io_uring's fd; undefined when it has none. Never unmapped. */
export function mapRing(fd: Fd, bytes: number, offset: number): Address | undefined {
  const at = mmap(0, bytes, READ_WRITE, SHARED_POPULATE, fd, offset)
  return at === -1 ? undefined : at
}

/** The memory at an address that `mapMemory` or `mapRing` gave, as bytes. */
export function viewMemory(at: Address, bytes: number): Uint8Array {
  return new Uint8Array(koffi.view(at, bytes))
}

/** `ECONNREFUSED` for 111; `errno 999` for a number that has no name. */
export function errnoName(code: number): string {
  return ERRNO_NAMES.get(code) ?? `errno ${code}`
}

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, code]) => [code, name]))

/** Numbers of Linux's headers; the same on x64 and arm64. */
export const AF = { inet: 2, inet6: 10 } as const
export const SOCK = { stream: 1, nonblock: 0o4000, cloexec: 0o2000000 } as const
export const MSG = { peek: 0x2, trunc: 0x20, dontwait: 0x40, more: 0x8000, nosignal: 0x4000 } as const
export const SHUT_WR = 1
export const EPOLL = {
  add: 1,
  remove: 2,
  modify: 3,
  in: 0x1,
  pri: 0x2,
  out: 0x4,
  err: 0x8,
  hup: 0x10,
  rdhup: 0x2000,
  edge: 0x80000000 | 0,
  cloexec: 0o2000000,
} as const
export const EFD = { nonblock: 0o4000, cloexec: 0o2000000 } as const
export const O = { nonblock: 0o4000, cloexec: 0o2000000 } as const
export const SPLICE_F = { move: 1, nonblock: 2, more: 4 } as const
export const F_SETPIPE_SZ = 1031
export const F_GETPIPE_SZ = 1032
/** Bytes sent but not yet acknowledged by the peer [linux/sockios.h]. */
export const SIOCOUTQ = 0x5411
export const E = constants.errno
