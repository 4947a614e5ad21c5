/** Step 1 of 6: one SO_REUSEPORT socket for each worker and listener, so that the kernel spreads clients over the workers. */
import { AF, bind, close, EPOLL, errno, errnoName, getsockname, listen, SOCK, socket } from '../../kernel/libc.ts'
import type { Fd } from '../../kernel/libc.ts'
import { nativeSocketAddress, SocketAddressSlot } from '../../kernel/socket-address.ts'
import type { NativeSocketAddress } from '../../kernel/socket-address.ts'
import { OPTION, setInteger } from '../../kernel/socket-option.ts'
import type { SocketAddress } from '../../lib/ip.ts'
import type { Listener } from '../tables.ts'
import type { Loop } from './loop.ts'
import { applyOptions } from './service-plan.ts'
import type { ServicePlan } from './service-plan.ts'

/** Asked for; the kernel cuts it to net.core.somaxconn, of which `tidegate doctor` tells. */
const BACKLOG = 65_535

/** Before it is in the epoll set. */
const NO_KEY = -1

export interface OpenListener {
  readonly fd: Fd
  /** Its epoll key; the listeners set it. */
  key: number
  readonly listener: Listener
  /** With the port the kernel chose where 0 was asked. */
  readonly address: SocketAddress
  /** Changes with the tables. */
  plan: ServicePlan
  /** How many clients the next turn tries to accept; follows what was there. */
  batch: number
}

export class ListenError extends Error {
  readonly address: SocketAddress
  readonly code: string

  constructor(address: SocketAddress, step: string, code: number) {
    super(`${step}: ${errnoName(code)}`)
    this.address = address
    this.code = errnoName(code)
  }
}

/** Opens and listens; throws ListenError. `mayBeOurs`: another socket of ours can have the port; else whoever has it is a stranger. */
export function openListener(listener: Listener, plan: ServicePlan, mayBeOurs: boolean): OpenListener {
  const target = nativeSocketAddress(listener.address)
  if (!mayBeOurs && listener.address.port !== 0) requireFree(listener, target)
  const fd = boundSocket(listener, target, true)
  applyOptions(fd, plan.clientOptions)
  if (listen(fd, BACKLOG) !== 0) throw closing(fd, listener, 'listen')
  return { fd, key: NO_KEY, listener, plan, address: { ...listener.address, port: boundPort(fd) }, batch: 1 }
}

/** Goes on listening on a socket that came from the version before; who waits in its queue is served next. */
export function adoptListener(listener: Listener, plan: ServicePlan, fd: Fd): OpenListener {
  applyOptions(fd, plan.clientOptions)
  return { fd, key: NO_KEY, listener, plan, address: { ...listener.address, port: boundPort(fd) }, batch: 1 }
}

/** SO_REUSEPORT would share the port with another process of the same user without a word, and with it half of the clients. */
function requireFree(listener: Listener, target: NativeSocketAddress): void {
  close(boundSocket(listener, target, false))
}

function boundSocket(listener: Listener, target: NativeSocketAddress, reusePort: boolean): Fd {
  const fd = socket(target.family, SOCK.stream | SOCK.nonblock | SOCK.cloexec, 0)
  if (fd < 0) throw new ListenError(listener.address, 'socket', errno())
  setInteger(fd, OPTION.reuseAddress, 1)
  if (reusePort) setInteger(fd, OPTION.reusePort, 1)
  if (target.family === AF.inet6) setInteger(fd, OPTION.ipv6Only, listener.dualStack ? 0 : 1)
  if (bind(fd, target.at, target.bytes) !== 0) throw closing(fd, listener, 'bind')
  return fd
}

function closing(fd: Fd, listener: Listener, step: string): ListenError {
  const error = new ListenError(listener.address, step, errno())
  close(fd)
  return error
}

function boundPort(fd: Fd): number {
  const slot = new SocketAddressSlot()
  slot.reset()
  getsockname(fd, slot.at, slot.lengthAt)
  return slot.port
}

/** Level-triggered: clients that are left in the queue are told of again. */
export function startAccepting(loop: Loop, open: OpenListener): void {
  loop.epoll.modify(open.fd, EPOLL.in, open.key)
}

export function stopAccepting(loop: Loop, open: OpenListener): void {
  loop.epoll.modify(open.fd, 0, open.key)
}
