/** What the kernel knows of a TCP connection, from struct tcp_info [linux/tcp.h]. */
import { addressOf, getsockopt, ioctl, SIOCOUTQ } from './libc.ts'
import type { Fd } from './libc.ts'
import { lowInts } from './low-memory.ts'
import { OPTION } from './socket-option.ts'

/** Up to tcpi_data_segs_in [Linux 4.6]; newer kernels know more and are not asked. */
const TCP_INFO_BYTES = 156
/** Of a listening socket: clients that wait to be accepted, and how many may. Of a connection they are something else. */
const ACCEPT_QUEUE = 24 / 4
const ACCEPT_QUEUE_MAX = 28 / 4
/** In the first 32 bits, behind state, congestion state and retransmits. */
const PROBES_SHIFT = 24
const SEGMENTS_IN_FLIGHT = 24 / 4
const LAST_ACK_MS = 56 / 4
const RTT_US = 68 / 4
const TOTAL_RETRANSMITS = 100 / 4
/** 64 bits, the low half first. */
const BYTES_RECEIVED = 128 / 4
const BYTES_NOT_SENT = 144 / 4
const DATA_SEGMENTS_RECEIVED = 152 / 4

export class TcpInfo {
  readonly #info = lowInts(TCP_INFO_BYTES / 4)
  readonly #infoAt = addressOf(this.#info)
  readonly #length = lowInts(1)
  readonly #lengthAt = addressOf(this.#length)

  /** Asks the kernel; false when it does not say. The getters below then keep their last values. */
  read(fd: Fd): boolean {
    this.#length[0] = TCP_INFO_BYTES
    return getsockopt(fd, OPTION.info[0], OPTION.info[1], this.#infoAt, this.#lengthAt) === 0
  }

  /** Of a listening socket: how full its accept queue is, 0 to 1. */
  get acceptQueueShare(): number {
    const max = this.#info[ACCEPT_QUEUE_MAX]
    return max === 0 ? 0 : Math.min(1, this.#info[ACCEPT_QUEUE] / max)
  }

  /** Questions to a closed window that are not answered yet. */
  get probes(): number {
    return this.#info[0] >>> PROBES_SHIFT
  }

  /** Since the other side last acknowledged anything, a probe included. */
  get lastAnswerMs(): number {
    return this.#info[LAST_ACK_MS] >>> 0
  }

  /** Sent and not acknowledged. */
  get segmentsInFlight(): number {
    return this.#info[SEGMENTS_IN_FLIGHT]
  }

  get bytesNotSent(): number {
    return this.#info[BYTES_NOT_SENT] >>> 0
  }

  /** Smoothed round-trip time in microseconds. */
  get rttUs(): number {
    return this.#info[RTT_US]
  }

  get retransmits(): number {
    return this.#info[TOTAL_RETRANSMITS]
  }

  /** Bytes that came, read by us or not. */
  get bytesReceived(): number {
    return (this.#info[BYTES_RECEIVED] >>> 0) + (this.#info[BYTES_RECEIVED + 1] >>> 0) * 2 ** 32
  }

  /** Segments with bytes in them as they were on the wire, however few reads took them; modulo 2^32. */
  get dataSegmentsReceived(): number {
    return this.#info[DATA_SEGMENTS_RECEIVED] >>> 0
  }
}

const queued = lowInts(1)
const queuedAt = addressOf(queued)

/** Bytes given to the kernel that the peer has not acknowledged; 0 when the socket is gone. */
export function unacknowledgedBytes(fd: Fd): number {
  return ioctl(fd, SIOCOUTQ, queuedAt) === 0 ? queued[0] : 0
}
