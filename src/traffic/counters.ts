/**
 * Counters in shared memory. Each worker writes a block of its own, so no count needs an atomic;
 * control adds the blocks up. Float64 holds whole numbers exactly up to 2^53: 8 PiB of bytes.
 */
import { STRIKE_NAMES } from './admit/strike-kinds.ts'
import { CLOSE_REASON_NAMES } from './close-reason.ts'

/** Upper bounds of the connect-time histogram in milliseconds; a last bucket takes the rest. */
export const CONNECT_MS_BUCKETS = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000] as const

/** Places in a service's block. */
export const SERVICE = {
  open: 0,
  total: 1,
  bytesToUpstream: 2,
  bytesToClient: 3,
  /** Clients that have waited in the queue, however that ended, and for how long in sum. */
  queued: 4,
  queueMsSum: 5,
  /** Dials begun beside one that had not answered for hedgeAfter, and those of them that served the client. */
  hedges: 6,
  hedgesWon: 7,
  /** Clients that came, let in or not, without those on the allow list. */
  newcomers: 8,
  /** `closed + reason code`: admitted connections that ended so. */
  closed: 9,
  /** `refused + reason code`: clients that were never admitted. */
  refused: 9 + CLOSE_REASON_NAMES.length,
  /** `watched + reason code`: clients that a rule on `watch` would have refused. */
  watched: 9 + 2 * CLOSE_REASON_NAMES.length,
  /** `strikes + strike code`: strikes against clients, those included that control never heard of. */
  strikes: 9 + 3 * CLOSE_REASON_NAMES.length,
} as const
export const SERVICE_STRIDE = 9 + 3 * CLOSE_REASON_NAMES.length + STRIKE_NAMES.length

/** Places in an upstream's block. */
export const UPSTREAM = {
  open: 0,
  connectFailures: 1,
  connectMsSum: 2,
  /** `connectBuckets + i` for bucket i of CONNECT_MS_BUCKETS, then the rest; not cumulative. */
  connectBuckets: 3,
} as const
export const UPSTREAM_STRIDE = 3 + CONNECT_MS_BUCKETS.length + 1

/** Places in a worker's own block. */
export const WORKER = {
  /** Milliseconds not spent waiting in epoll_wait. */
  busyMs: 0,
  loopTurns: 1,
  /** Log records that found the ring full. */
  logRecordsDropped: 2,
  /** Times accepting was paused because the kernel was out of fds or memory. */
  acceptPauses: 3,
  pipesOpen: 4,
  spillBytes: 5,
  /** Strikes that found their ring full. */
  strikesDropped: 6,
  /** Sources that got their first open connection here, less those that ended their last one here. */
  sourcesTracked: 7,
  /** Clients that were let in without being counted (admit/source-table.ts). */
  sourcesUntracked: 8,
  /** Sources that were forgotten before their rate had recovered. */
  sourcesForgotten: 9,
  /** Refused clients whose sockets are kept open for a while. */
  tarpitted: 10,
  /** The longest turn of the loop in the last second or so: how long a client may have to wait for its turn. */
  lagMs: 11,
  /** How full the fullest of its accept queues was then, 0 to 1; the node engine can't tell. */
  acceptQueue: 12,
} as const
export const WORKER_STRIDE = 13

export interface CounterShape {
  readonly services: number
  readonly upstreams: number
}

/** One worker's counters as views on shared memory. */
export class Counters {
  readonly worker: Float64Array
  readonly services: Float64Array
  readonly upstreams: Float64Array

  constructor(memory: SharedArrayBuffer, shape: CounterShape) {
    this.worker = new Float64Array(memory, 0, WORKER_STRIDE)
    this.services = new Float64Array(memory, WORKER_STRIDE * 8, shape.services * SERVICE_STRIDE)
    const upstreamsAt = (WORKER_STRIDE + shape.services * SERVICE_STRIDE) * 8
    this.upstreams = new Float64Array(memory, upstreamsAt, shape.upstreams * UPSTREAM_STRIDE)
  }

  static bytes(shape: CounterShape): number {
    return (WORKER_STRIDE + shape.services * SERVICE_STRIDE + shape.upstreams * UPSTREAM_STRIDE) * 8
  }

  /** Counts one connect that took so long. */
  countConnect(upstreamIndex: number, ms: number): void {
    const at = upstreamIndex * UPSTREAM_STRIDE
    let bucket = 0
    while (bucket < CONNECT_MS_BUCKETS.length && ms > CONNECT_MS_BUCKETS[bucket]) bucket++
    this.upstreams[at + UPSTREAM.connectBuckets + bucket] += 1
    this.upstreams[at + UPSTREAM.connectMsSum] += ms
  }
}
