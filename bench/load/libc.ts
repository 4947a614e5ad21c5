/**
 * The few calls of libc our own load programs need. Apart from src/kernel on purpose: what measures may
 * not share code with what is measured. Calls fail by throwing, EAGAIN apart; those that say so return the errno.
 */
import { arch, constants } from 'node:os'
import koffi from 'koffi'

const libc = koffi.load('libc.so.6')

const native = {
  socket: libc.func('int socket(int, int, int)'),
  connect: libc.func('int connect(int, void *, uint32_t)'),
  bind: libc.func('int bind(int, void *, uint32_t)'),
  listen: libc.func('int listen(int, int)'),
  accept4: libc.func('int accept4(int, void *, void *, int)'),
  close: libc.func('int close(int)'),
  send: libc.func('long send(int, void *, size_t, int)'),
  sendto: libc.func('long sendto(int, void *, size_t, int, void *, uint32_t)'),
  recv: libc.func('long recv(int, void *, size_t, int)'),
  setsockopt: libc.func('int setsockopt(int, int, int, void *, uint32_t)'),
  fcntl: libc.func('int fcntl(int, int, long)'),
  getsockname: libc.func('int getsockname(int, void *, void *)'),
  shutdown: libc.func('int shutdown(int, int)'),
  prctl: libc.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)'),
  epollCreate1: libc.func('int epoll_create1(int)'),
  epollCtl: libc.func('int epoll_ctl(int, int, int, void *)'),
  epollPwait2: libc.func('int epoll_pwait2(int, void *, int, void *, void *)'),
}

const AF_INET = 2
const AF_PACKET = 17
const SOCK_STREAM = 1
const SOCK_RAW = 3
const IPPROTO_RAW = 255
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_RCVBUF = 8
const SO_LINGER = 13
const SO_RCVTIMEO = 20
const SO_RCVBUFFORCE = 33
const IPPROTO_IP = 0
/** The port is chosen by connect, so that each source has all ports for each target [ip(7)]. */
const IP_BIND_ADDRESS_NO_PORT = 24
const IPPROTO_TCP = 6
const TCP_NODELAY = 1
const F_SETFL = 4
const O_NONBLOCK = 0o4000
const SHUT_WR = 1
const MSG_NOSIGNAL = 0x4000
const EAGAIN = 11
const ENOBUFS = 105
const EINPROGRESS = 115
const EPOLL_CTL_ADD = 1
const EPOLLIN = 1
const EPOLLOUT = 4
const EPOLLERR_OR_HUP = 8 | 16
const EPOLLET = 0x8000_0000
const PR_SET_TIMERSLACK = 29

/** [epoll_ctl(2)] is packed on x86-64 only. */
const EVENT_BYTES = arch() === 'x64' ? 12 : 16
const EVENT_FD_AT = EVENT_BYTES - 8
const EVENTS_MAX = 256

function checked(result: number, call: string): number {
  if (result >= 0) return result
  const errno = koffi.errno()
  const name = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0]
  throw new Error(`${call} failed with ${name ?? `errno ${errno}`}`)
}

function loopbackAddress(port: number): Buffer {
  const address = Buffer.alloc(16)
  address.writeUInt16LE(AF_INET, 0)
  address.writeUInt16BE(port, 2)
  address.set([127, 0, 0, 1], 4)
  return address
}

const ONE = Buffer.from([1, 0, 0, 0])

/** A connected, blocking socket. */
export function connectTo(port: number, host = '127.0.0.1'): number {
  const fd = checked(native.socket(AF_INET, SOCK_STREAM, 0), 'socket')
  checked(native.connect(fd, socketAddress(host, port), 16), 'connect')
  checked(native.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ONE, 4), 'setsockopt')
  return fd
}

/** A non-blocking socket that is on its way; `trySend` says whether it got there. */
export function beginConnecting(port: number): number {
  const fd = checked(native.socket(AF_INET, SOCK_STREAM | O_NONBLOCK, 0), 'socket')
  const result: number = native.connect(fd, loopbackAddress(port), 16)
  if (result < 0 && koffi.errno() !== EINPROGRESS) checked(result, 'connect')
  checked(native.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ONE, 4), 'setsockopt')
  return fd
}

/** An IPv4 address and port as the kernel takes them. */
export function socketAddress(host: string, port: number): Buffer {
  const address = loopbackAddress(port)
  address.set(host.split('.').map(Number), 4)
  return address
}

/** Writes an address given as a number into one made by `socketAddress`. */
export function setAddress(address: Buffer, ip: number): void {
  address.writeUInt32BE(ip, 4)
}

export interface ConnectOptions {
  /** The kernel doubles it; without it the buffer grows by itself. */
  readonly receiveBytes?: number | undefined
  readonly noDelay?: boolean
}

/** A non-blocking socket that is on its way from one address to another, or the errno that stopped it, below 0. */
export function connectBetween(from: Buffer, to: Buffer, { receiveBytes, noDelay }: ConnectOptions = {}): number {
  const fd = checked(native.socket(AF_INET, SOCK_STREAM | O_NONBLOCK, 0), 'socket')
  checked(native.setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, ONE, 4), 'setsockopt')
  checked(native.bind(fd, from, 16), 'bind')
  if (noDelay) checked(native.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ONE, 4), 'setsockopt')
  if (receiveBytes !== undefined) {
    const size = Buffer.alloc(4)
    size.writeInt32LE(receiveBytes, 0)
    checked(native.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, 4), 'setsockopt')
  }
  const result: number = native.connect(fd, to, 16)
  if (result >= 0) return fd
  const errno = koffi.errno()
  if (errno === EINPROGRESS) return fd
  close(fd)
  return -errno
}

/** Bytes received, 0 at the end of the stream, or errno below 0: for those to whom a failure is an ordinary answer. */
export function receiveOrErrno(fd: number, buffer: Uint8Array): number {
  const received: number = native.recv(fd, buffer, buffer.length, 0)
  return received < 0 ? -koffi.errno() : received
}

/** Bytes the kernel took, or errno below 0. */
export function sendOrErrno(fd: number, buffer: Uint8Array, bytes: number): number {
  const sent: number = native.send(fd, buffer, bytes, MSG_NOSIGNAL)
  return sent < 0 ? -koffi.errno() : sent
}

const LINGER_NOT = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])

/** Nothing of it stays, here or there. */
export function closeWithReset(fd: number): void {
  checked(native.setsockopt(fd, SOL_SOCKET, SO_LINGER, LINGER_NOT, 8), 'setsockopt')
  close(fd)
}

/** The name of an errno below 0, as `connectBetween` and its like return it. */
export function errnoName(errno: number): string {
  return Object.entries(constants.errno).find(([, number]) => number === -errno)?.[0] ?? `errno ${-errno}`
}

/** For whole IPv4 packets, header and all [raw(7)]; needs CAP_NET_RAW. */
export function rawSocket(): number {
  return checked(native.socket(AF_INET, SOCK_RAW, IPPROTO_RAW), 'socket')
}

/** False when the kernel has no room for the packet. */
export function sendRaw(fd: number, packet: Uint8Array, to: Buffer): boolean {
  const sent: number = native.sendto(fd, packet, packet.length, 0, to, 16)
  if (sent < 0 && (koffi.errno() === ENOBUFS || koffi.errno() === EAGAIN)) return false
  checked(sent, 'sendto')
  return true
}

/** Of [packet(7)]: addresses and headers are whatever the sender writes. */
const ETHERTYPE_IPV4 = 0x0800
const LINK_ADDRESS_BYTES = 20
/** The kernel doubles it. */
const FRAMES_WAITING_BYTES = 8 * 1024 * 1024

/** For whole Ethernet frames that hold IPv4, out of one interface and in from it; non-blocking; needs CAP_NET_RAW. */
export function frameSocket(linkIndex: number): number {
  const address = Buffer.alloc(LINK_ADDRESS_BYTES)
  address.writeUInt16LE(AF_PACKET, 0)
  address.writeUInt16BE(ETHERTYPE_IPV4, 2)
  address.writeInt32LE(linkIndex, 4)
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(FRAMES_WAITING_BYTES, 0)
  // Protocol 0: nothing is received before the socket is bound to its interface.
  const fd = checked(native.socket(AF_PACKET, SOCK_RAW | O_NONBLOCK, 0), 'socket')
  checked(native.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes, 4), 'setsockopt')
  checked(native.bind(fd, address, LINK_ADDRESS_BYTES), 'bind')
  return fd
}

/** -1 when nobody waits to be accepted; non-blocking sockets. */
export function tryAccept(listener: number): number {
  const fd: number = native.accept4(listener, null, null, O_NONBLOCK)
  return fd < 0 && koffi.errno() === EAGAIN ? -1 : checked(fd, 'accept4')
}

export function localPort(fd: number): number {
  const address = Buffer.alloc(16)
  const length = Buffer.from([16, 0, 0, 0])
  checked(native.getsockname(fd, address, length), 'getsockname')
  return address.readUInt16BE(2)
}

/** A blocking listener. */
export function listenOn(port: number, host = '127.0.0.1'): number {
  const fd = checked(native.socket(AF_INET, SOCK_STREAM, 0), 'socket')
  checked(native.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ONE, 4), 'setsockopt')
  checked(native.bind(fd, socketAddress(host, port), 16), 'bind')
  checked(native.listen(fd, 4096), 'listen')
  return fd
}

export function accept(listener: number): number {
  const fd = checked(native.accept4(listener, null, null, 0), 'accept4')
  checked(native.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ONE, 4), 'setsockopt')
  return fd
}

export function close(fd: number): void {
  checked(native.close(fd), 'close')
}

export function makeNonBlocking(fd: number): void {
  checked(native.fcntl(fd, F_SETFL, O_NONBLOCK), 'fcntl')
}

/** A blocking accept or recv fails after so long instead of waiting for ever. */
export function limitReceiving(fd: number, seconds: number): void {
  const time = Buffer.alloc(16)
  time.writeBigInt64LE(BigInt(seconds), 0)
  checked(native.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, time, 16), 'setsockopt')
}

/** Small messages only: a short write is a failure. */
export function send(fd: number, buffer: Uint8Array, bytes: number): void {
  const sent = checked(native.send(fd, buffer, bytes, MSG_NOSIGNAL), 'send')
  if (sent !== bytes) throw new Error(`send took ${sent} of ${bytes} bytes`)
}

/** How many bytes the kernel took; 0 while it takes none, or while the socket is still connecting. */
export function trySend(fd: number, buffer: Uint8Array, bytes: number): number {
  const sent: number = native.send(fd, buffer, bytes, MSG_NOSIGNAL)
  if (sent < 0 && koffi.errno() === EAGAIN) return 0
  return checked(sent, 'send')
}

/** No more bytes come from us; we still listen. */
export function finishSending(fd: number): void {
  checked(native.shutdown(fd, SHUT_WR), 'shutdown')
}

/** Bytes received, 0 at the end of the stream, -1 when there is nothing yet. */
export function receive(fd: number, buffer: Uint8Array): number {
  const received: number = native.recv(fd, buffer, buffer.length, 0)
  if (received < 0 && koffi.errno() === EAGAIN) return -1
  return checked(received, 'recv')
}

/** Timers of this thread fire when due: the default slack is 50 µs. */
export function wakeOnTime(): void {
  checked(native.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0), 'prctl')
}

/** Level-triggered readiness to read; edges of both directions for those added by `addEdges`. */
export class ReadySet {
  readonly #epoll = checked(native.epollCreate1(0), 'epoll_create1')
  readonly #events = Buffer.alloc(EVENT_BYTES * EVENTS_MAX)
  readonly #timeout = Buffer.alloc(16)

  add(fd: number): void {
    this.#add(fd, EPOLLIN)
  }

  addEdges(fd: number): void {
    this.#add(fd, EPOLLIN + EPOLLOUT + EPOLLET)
  }

  #add(fd: number, events: number): void {
    const event = Buffer.alloc(EVENT_BYTES)
    event.writeUInt32LE(events, 0)
    event.writeInt32LE(fd, EVENT_FD_AT)
    checked(native.epollCtl(this.#epoll, EPOLL_CTL_ADD, fd, event), 'epoll_ctl')
  }

  /** Waits at most `microseconds` and returns how many fds are ready; `ready(i)` names them. */
  wait(microseconds: number): number {
    const seconds = Math.floor(microseconds / 1e6)
    this.#timeout.writeUInt32LE(seconds, 0)
    this.#timeout.writeUInt32LE(Math.round((microseconds - seconds * 1e6) * 1000), 8)
    return checked(native.epollPwait2(this.#epoll, this.#events, EVENTS_MAX, this.#timeout, null), 'epoll_pwait2')
  }

  ready(i: number): number {
    return this.#events.readInt32LE(i * EVENT_BYTES + EVENT_FD_AT)
  }

  /** The connection is over, though nobody tried to read. */
  hasFailed(i: number): boolean {
    return (this.#events.readUInt32LE(i * EVENT_BYTES) & EPOLLERR_OR_HUP) !== 0
  }
}
