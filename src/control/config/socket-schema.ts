/** The socket options of a service. docs/config.md says when to touch them. */
import { z } from 'zod'
import { duration, leaf, sizeOrAuto } from './leaf.ts'
import { read, unread } from './reading.ts'

const KIB = 2 ** 10
const GIB = 2 ** 30
/** TCP_KEEPIDLE is whole seconds up to MAX_TCP_KEEPIDLE [Linux include/net/tcp.h]. */
const KEEP_ALIVE_MS_MAX = 32_767_000
/** TCP_MIN_MSS and MAX_TCP_WINDOW: outside of them TCP_MAXSEG is EINVAL [Linux net/ipv4/tcp.c]. */
const SEGMENT_BYTES_MIN = 88
const SEGMENT_BYTES_MAX = 32_767

const receiveBuffer = sizeOrAuto(
  4 * KIB,
  GIB,
  'SO_RCVBUF: bytes the kernel may hold that were not read yet. `auto` lets the kernel tune it.',
)
const sendBuffer = sizeOrAuto(
  4 * KIB,
  GIB,
  'SO_SNDBUF: bytes the kernel may hold that were not acknowledged yet. `auto` lets the kernel tune it.',
)
const windowClamp = sizeOrAuto(4 * KIB, GIB, 'TCP_WINDOW_CLAMP: the largest receive window offered. `auto` sets none.')
const maxSegment = sizeOrAuto(
  SEGMENT_BYTES_MIN,
  SEGMENT_BYTES_MAX,
  'TCP_MAXSEG: the largest segment, in bytes. `auto` goes by the path.',
)
const notSentLowWater = sizeOrAuto(
  1,
  GIB,
  'TCP_NOTSENT_LOWAT: unsent bytes above which the socket takes no more. `auto` sets none.',
)
const congestionControl = leaf<string | undefined>(
  (text) => {
    if (text === 'auto') return read(undefined)
    // TCP_CA_NAME_MAX is 16 with the closing zero [Linux include/net/tcp.h].
    if (/^[a-z0-9_-]{1,15}$/.test(text)) return read(text)
    return unread('E_CONFIG_VALUE', 'is not the name of an algorithm; expected a name such as cubic or bbr, or auto')
  },
  {
    type: 'string',
    pattern: '^[a-z0-9_-]{1,15}$',
    description:
      "TCP_CONGESTION: the name of an algorithm that the kernel offers, such as `bbr`. `auto` is the kernel's default.",
  },
)
const keepAlive = duration(
  { off: true, minMs: 1000, maxMs: KEEP_ALIVE_MS_MAX, wholeSeconds: true },
  'Time without data after which the kernel asks whether the other side is still there; `off` never asks.',
)
const userTimeout = duration(
  { off: true },
  "TCP_USER_TIMEOUT: time that sent data may stay unacknowledged before the connection ends; `off` is the kernel's own limit, about 15 minutes.",
)

/** Without defaults: what is absent in `client` or `upstream` is taken from `socket`. */
const socketSide = z.strictObject({
  receiveBuffer: receiveBuffer.optional(),
  sendBuffer: sendBuffer.optional(),
  windowClamp: windowClamp.optional(),
  maxSegment: maxSegment.optional(),
  notSentLowWater: notSentLowWater.optional(),
  congestionControl: congestionControl.optional(),
  keepAlive: keepAlive.optional(),
  userTimeout: userTimeout.optional(),
})
export type SocketSide = z.output<typeof socketSide>

/** Every option for both sides, with its default, and what differs for one side. */
export const socketSchema = z.strictObject({
  receiveBuffer: receiveBuffer.prefault('auto'),
  sendBuffer: sendBuffer.prefault('auto'),
  windowClamp: windowClamp.prefault('auto'),
  maxSegment: maxSegment.prefault('auto'),
  notSentLowWater: notSentLowWater.prefault('auto'),
  congestionControl: congestionControl.prefault('auto'),
  keepAlive: keepAlive.prefault('60s'),
  userTimeout: userTimeout.prefault('30s'),
  client: socketSide.prefault({}).meta({ description: 'The same options for connections from clients only.' }),
  upstream: socketSide.prefault({}).meta({ description: 'The same options for connections to upstreams only.' }),
})
