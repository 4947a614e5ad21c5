/** Socket options by name. Each setter gives 0 or the errno; a caller that can go on without says so. */
import { addressOf, close, errno, getsockopt, setsockopt } from './libc.ts'
import type { Fd } from './libc.ts'
import { lowInts } from './low-memory.ts'

const SOL_SOCKET = 1
const IPPROTO_IP = 0
const IPPROTO_TCP = 6
const IPPROTO_IPV6 = 41

export type SocketOption = readonly [level: number, option: number]
export const OPTION = {
  reuseAddress: [SOL_SOCKET, 2],
  error: [SOL_SOCKET, 4],
  sendBuffer: [SOL_SOCKET, 7],
  receiveBuffer: [SOL_SOCKET, 8],
  keepAlive: [SOL_SOCKET, 9],
  linger: [SOL_SOCKET, 13],
  reusePort: [SOL_SOCKET, 15],
  bufferLock: [SOL_SOCKET, 72],
  timeToLive: [IPPROTO_IP, 2],
  bindAddressNoPort: [IPPROTO_IP, 24],
  hopLimit: [IPPROTO_IPV6, 16],
  ipv6Only: [IPPROTO_IPV6, 26],
  noDelay: [IPPROTO_TCP, 1],
  maxSegment: [IPPROTO_TCP, 2],
  keepIdleSeconds: [IPPROTO_TCP, 4],
  keepIntervalSeconds: [IPPROTO_TCP, 5],
  keepCount: [IPPROTO_TCP, 6],
  windowClamp: [IPPROTO_TCP, 10],
  info: [IPPROTO_TCP, 11],
  quickAck: [IPPROTO_TCP, 12],
  congestion: [IPPROTO_TCP, 13],
  userTimeoutMs: [IPPROTO_TCP, 18],
  repair: [IPPROTO_TCP, 19],
  notSentLowWater: [IPPROTO_TCP, 25],
} as const satisfies Record<string, SocketOption>

const integer = lowInts(1)
const integerAt = addressOf(integer)
const lingerZero = lowInts(2)
lingerZero[0] = 1
const lingerZeroAt = addressOf(lingerZero)
const length = lowInts(1)
const lengthAt = addressOf(length)

export function setInteger(fd: Fd, [level, option]: SocketOption, value: number): number {
  integer[0] = value
  return setsockopt(fd, level, option, integerAt, 4) === 0 ? 0 : errno()
}

export function setText(fd: Fd, [level, option]: SocketOption, value: string): number {
  const bytes = Buffer.from(value, 'latin1')
  return setsockopt(fd, level, option, addressOf(bytes), bytes.length) === 0 ? 0 : errno()
}

/** SO_ERROR: why a connect failed or a socket died; reading it clears it. */
export function takeSocketError(fd: Fd): number {
  length[0] = 4
  if (getsockopt(fd, OPTION.error[0], OPTION.error[1], integerAt, lengthAt) !== 0) return errno()
  return integer[0]
}

/** Closes with a reset: what the kernel still holds for the peer is dropped, and no TIME_WAIT remains. */
export function closeWithReset(fd: Fd): void {
  setsockopt(fd, OPTION.linger[0], OPTION.linger[1], lingerZeroAt, 8)
  close(fd)
}
