/**
 * One connection of the linux engine, from accept to close. Start here.
 *
 *   accept -> admit -> hello ------> dial ---------> relay -------------> free
 *             refuse   PROXY header  next candidate  both ways,           record,
 *             (reset)  in, if asked  on failure,     then the FINs        fds closed
 *                      |         +-> or beside one     |
 *                      v         |   that is silent    |
 *                      firstByte +   (hedge.ts)        |
 *                      of the        |     ^           |
 *                      client, if    v     |           |
 *                      dialOn asks   waiting: all places are taken, and the service has a queue
 *                                                      |
 *                                                      +-> resetting: what was read is delivered, then a reset
 *
 * A connection is two halves. A half is one socket and the flow of bytes that comes out of it, towards its peer half.
 * Objects and slots are pooled: an event allocates nothing. Times and addresses live in typed arrays, by slot.
 */
import { NOT_SCHEDULED } from '../../lib/timing-wheel.ts'
import type { ProxyHeaderAddress } from '../../lib/proxy-protocol/decoded.ts'
import type { Fd } from '../../kernel/libc.ts'
import type { Pipe } from '../../kernel/pipe-pool.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import { SilentClient } from '../admit/make-way.ts'
import type { FailedAttempt } from '../log-ring.ts'
import { READ_NUMBERS } from '../wire/slow-read.ts'
import { SEND_NUMBERS } from '../wire/slow-send.ts'
import { TINY_NUMBERS } from '../wire/tiny-segments.ts'
import type { Hedge } from './hedge-pool.ts'
import type { ServicePlan } from './service-plan.ts'
import type { Spill } from './spill-pool.ts'

export const STAGE = { free: 0, hello: 1, dial: 2, relay: 3, resetting: 4, waiting: 5, firstByte: 6 } as const

/** Bits of `Half.flags`. */
export const FLAG = {
  /** The kernel may have bytes, an end or an error for us; cleared by EAGAIN and short reads. */
  readable: 1 << 0,
  /** The kernel takes bytes; cleared by EAGAIN and partial sends. */
  writable: 1 << 1,
  /** RDHUP, HUP or ERR was seen: after the bytes that are there, the end is there too. */
  remoteFinished: 1 << 2,
  /** Everything was read: the peer half gets a FIN after it. */
  ended: 1 << 3,
  /** We sent our FIN. */
  shut: 1 << 4,
  /** Reset or lost: no byte can be written to it any more. */
  failed: 1 << 5,
  /** Failed, and nothing more can be read either. */
  drained: 1 << 6,
  inEpoll: 1 << 7,
  watchesWritable: 1 << 8,
  /** Urgent data was announced: recv may stop short at its mark, so a short read proves nothing. */
  urgent: 1 << 9,
  /** Stands in `loop.unfinished`. */
  unfinished: 1 << 10,
  /** One send was made; TCP_NODELAY pays from the second on. */
  sentOnce: 1 << 11,
  noDelay: 1 << 12,
  /** Bulk: bytes go through a pipe. */
  splicing: 1 << 13,
  /** ERR was seen: recv has an error to tell after the bytes that are there. */
  erred: 1 << 14,
  /** The upstream's: the dial began as a hedge. */
  hedged: 1 << 15,
  /** Its window is closed and it answers: its userTimeout is lifted (closed-window.ts). */
  waitedFor: 1 << 16,
} as const

/** No reason yet. */
export const NO_REASON = -1

export class Half {
  readonly key: number
  readonly connection: Connection
  /** Set once by the connection, right after both exist. */
  peer: Half = this
  fd: Fd = -1
  flags = 0
  /** Bytes that were read and that the peer has not taken yet. At most one of the two is in use. */
  spill: Spill | null = null
  pipe: Pipe | null = null
  /** Consecutive reads that filled the buffer (copying) or did not pay (splicing). */
  streak = 0

  constructor(key: number, connection: Connection) {
    this.key = key
    this.connection = connection
  }

  /** True when any of the bits is set. */
  has(flags: number): boolean {
    return (this.flags & flags) !== 0
  }

  get isClient(): boolean {
    return (this.key & 1) === 0
  }
}

export class Connection extends SilentClient {
  readonly slot: number
  readonly client: Half
  readonly upstream: Half
  stage: number = STAGE.free
  plan: ServicePlan
  listenerIndex = -1
  clientPort = 0
  clientFamily: 4 | 6 = 4
  attempts = 0
  candidate = -1
  /** A place of the service is taken; not while it waits. */
  hasServicePlace = false
  /** In the queue, while it waits there. */
  queueEntry = -1
  /** Its turn among those who wait or have waited; 0 when it never did. */
  queueTicket = 0
  /** A place at the candidate's upstream is taken. */
  hasUpstreamPlace = false
  /** A second dial beside that of `candidate`. */
  hedge: Hedge | null = null
  failedAttempts: FailedAttempt[] | null = null
  reasonCode = NO_REASON
  /** The kernel refused us a local port in one of the attempts. */
  lackedSourcePort = false
  /** Keepalive and user timeout are set on the upstream once the connection proves to last. */
  lastingOptionsSet = false
  /** Unacknowledged bytes of both sockets when the connection was last looked at for idleness. */
  unacknowledgedSeen = 0
  /** Where the client wanted to go, by the PROXY header it came with. */
  destination: ProxyHeaderAddress | null = null
  wheelNext: Connection | null = null
  wheelPrevious: Connection | null = null
  wheelBucket = NOT_SCHEDULED

  constructor(slot: number, plan: ServicePlan) {
    super()
    this.slot = slot
    this.plan = plan
    this.client = new Half(slot * 2, this)
    this.upstream = new Half(slot * 2 + 1, this)
    this.client.peer = this.upstream
    this.upstream.peer = this.client
  }

  /** An orderly end: noted only when nothing was before it. */
  blameIfNone(reasonCode: number): void {
    if (this.reasonCode === NO_REASON) this.reasonCode = reasonCode
  }

  /** The first failure stays; it outranks an orderly end. */
  blame(reasonCode: number): void {
    if (this.reasonCode === NO_REASON || isOrderly(this.reasonCode)) this.reasonCode = reasonCode
  }
}

function isOrderly(reasonCode: number): boolean {
  return reasonCode === CLOSE_REASON_CODES['client-closed'] || reasonCode === CLOSE_REASON_CODES['upstream-closed']
}

/** Numbers of a connection that are no small integers: `columns.numbers[slot * NUMBERS + NUMBER.startedMs]`. */
export const NUMBER = {
  startedMs: 0,
  /** When the attempt under way began. */
  dialledMs: 1,
  /** How long the successful connect took; -1 before. */
  connectMs: 2,
  /** From accept to the upstream's first byte; -1 before. */
  firstByteMs: 3,
  /** When a byte last moved. */
  activeMs: 4,
  bytesToUpstream: 5,
  bytesToClient: 6,
  sequence: 7,
  /** When the wait under way began. */
  queuedMs: 8,
  /** How long all waits before took; -1 for a client that never had to wait. */
  queueMs: 9,
  /** When both sides were last seen to have all their bytes (closed-window.ts); 0 when one had not. */
  deliveredMs: 10,
} as const

export const NUMBERS = 11
/** What a connection may have taken of its source's limits. */
export const SOURCE_HANDLES = 3

const ADDRESS_BYTES = 16

/** Slots and their columns. Memory is touched only up to the highest slot ever used; the arrays themselves are zero pages. */
export class ConnectionPool {
  readonly numbers: Float64Array
  /** What the rules of wire/ remember; memory is touched only where they are on, for connections that last. */
  readonly slowSend: Float64Array
  readonly slowRead: Float64Array
  readonly tinySegments: Float64Array
  readonly clientAddresses: Uint8Array
  /** What a connection has taken by its address, its prefix and its AS, from `sourceHandles[slot * SOURCE_HANDLES]` on. */
  readonly sourceHandles: Int32Array
  readonly #all: Connection[] = []
  readonly #free: Connection[] = []
  /** Freed in this turn; an event of the same turn may still name them, so they are not used again before the next. */
  readonly #freed: Connection[] = []

  readonly #slots: number

  constructor(slots: number) {
    this.#slots = slots
    this.numbers = new Float64Array(slots * NUMBERS)
    this.slowSend = new Float64Array(slots * SEND_NUMBERS)
    this.slowRead = new Float64Array(slots * READ_NUMBERS)
    this.tinySegments = new Float64Array(slots * TINY_NUMBERS)
    this.clientAddresses = new Uint8Array(slots * ADDRESS_BYTES)
    this.sourceHandles = new Int32Array(slots * SOURCE_HANDLES)
  }

  /** Undefined when all slots are taken. */
  take(plan: ServicePlan): Connection | undefined {
    const connection = this.#free.pop() ?? this.#make(plan)
    if (connection !== undefined) connection.plan = plan
    return connection
  }

  #make(plan: ServicePlan): Connection | undefined {
    if (this.#all.length === this.#slots) return undefined
    const connection = new Connection(this.#all.length, plan)
    this.#all.push(connection)
    return connection
  }

  free(connection: Connection): void {
    connection.stage = STAGE.free
    this.#freed.push(connection)
  }

  /** At the end of a turn. */
  recycle(): void {
    while (this.#freed.length > 0) this.#free.push(this.#freed.pop() as Connection)
  }

  get all(): readonly Connection[] {
    return this.#all
  }

  /** The half an epoll key names. */
  half(key: number): Half {
    const connection = this.#all[key >> 1]
    return (key & 1) === 0 ? connection.client : connection.upstream
  }
}

/** Where the slot's address begins in `clientAddresses`. */
export function addressAt(connection: Connection): number {
  return connection.slot * ADDRESS_BYTES
}
