/**
 * Connection records from one worker to control through shared memory: one writer, one reader, no lock,
 * no allocation in the worker. When control is behind and the ring is full, records are dropped and counted:
 * a log may never hold up traffic.
 *
 *   header (Int32):  0 written bytes | 1 read bytes      (both modulo 2^31, multiples of 8)
 *   records:         FIXED_BYTES, then ATTEMPT_BYTES for each failed attempt; a record never wraps
 */

/** Errors of an attempt that are not an errno. */
export const ATTEMPT_TIMED_OUT = -1
/** No failure: another dial of the same client answered first (hedging.ts). */
export const ATTEMPT_OVERTAKEN = -2

/** At most so many failed attempts are logged for one connection; `attempts` still counts them all. */
export const LOGGED_ATTEMPTS_MAX = 16

/** One ended connection. Times in ms, -1 where there is none; RTTs in µs, -1 where the engine can't know. */
export interface ConnectionRecord {
  /** Wall clock at the end, ms since 1970. */
  timeMs: number
  sequence: number
  durationMs: number
  connectMs: number
  /** Whole ms in the queue; -1 for a client that did not have to wait. */
  queueMs: number
  firstByteMs: number
  bytesToUpstream: number
  bytesToClient: number
  serviceIndex: number
  listenerIndex: number
  /** The upstream that was connected, or -1. */
  upstreamIndex: number
  upstreamAddressIndex: number
  reasonCode: number
  attempts: number
  clientRttUs: number
  upstreamRttUs: number
  clientRetransmits: number
  upstreamRetransmits: number
  clientPort: number
  /** 4 or 16 bytes count, by `clientFamily`; what the PROXY header said where one was accepted. */
  clientFamily: number
  clientAddress: Uint8Array
  failedAttempts: FailedAttempt[]
}

export interface FailedAttempt {
  upstreamIndex: number
  upstreamAddressIndex: number
  /** A positive errno, or ATTEMPT_TIMED_OUT, or ATTEMPT_OVERTAKEN. */
  error: number
  durationMs: number
}

const HEADER_BYTES = 64
const FLOATS = 7
const INTS = 14
const ADDRESS_BYTES = 16
const ATTEMPT_INTS = 4
const FIXED_BYTES = FLOATS * 8 + INTS * 4 + ADDRESS_BYTES
const ATTEMPT_BYTES = ATTEMPT_INTS * 4
const RECORD_BYTES_MAX = FIXED_BYTES + LOGGED_ATTEMPTS_MAX * ATTEMPT_BYTES

const WRITTEN = 0
const READ = 1
/** In place of a service index: nothing follows up to the end of the ring. */
const SKIP_TO_START = -2

class RingView {
  protected readonly positions: Int32Array
  protected readonly floats: Float64Array
  protected readonly ints: Int32Array
  protected readonly bytes: Uint8Array
  protected readonly capacity: number

  /** `memory` is HEADER_BYTES and a power of two for records; see `ringBytes`. */
  constructor(memory: SharedArrayBuffer) {
    this.positions = new Int32Array(memory, 0, 2)
    this.floats = new Float64Array(memory, HEADER_BYTES)
    this.ints = new Int32Array(memory, HEADER_BYTES)
    this.bytes = new Uint8Array(memory, HEADER_BYTES)
    this.capacity = memory.byteLength - HEADER_BYTES
  }
}

/** Shared memory for a ring of 2^`powerOfTwo` bytes of records. */
export function ringBytes(powerOfTwo: number): number {
  return HEADER_BYTES + 2 ** powerOfTwo
}

export class LogRingWriter extends RingView {
  /** False when the ring is full and the record was dropped. */
  write(record: Readonly<ConnectionRecord>): boolean {
    const failed = Math.min(record.failedAttempts.length, LOGGED_ATTEMPTS_MAX)
    const size = FIXED_BYTES + failed * ATTEMPT_BYTES
    const at = this.#reserve(size)
    if (at === -1) return false
    this.#writeFixed(at, record, failed)
    for (let i = 0; i < failed; i++) this.#writeAttempt(at + FIXED_BYTES + i * ATTEMPT_BYTES, record.failedAttempts[i])
    Atomics.store(this.positions, WRITTEN, (this.positions[WRITTEN] + size) & 0x7fffffff)
    return true
  }

  #reserve(size: number): number {
    const written = this.positions[WRITTEN]
    const used = (written - Atomics.load(this.positions, READ)) & 0x7fffffff
    const at = written & (this.capacity - 1)
    const toEnd = this.capacity - at
    if (size <= toEnd) return used + size <= this.capacity ? at : -1
    if (used + toEnd + size > this.capacity) return -1
    this.ints[(at + FLOATS * 8) >> 2] = SKIP_TO_START
    Atomics.store(this.positions, WRITTEN, (written + toEnd) & 0x7fffffff)
    return 0
  }

  #writeFixed(at: number, record: Readonly<ConnectionRecord>, failed: number): void {
    const f = at >> 3
    this.floats[f] = record.timeMs
    this.floats[f + 1] = record.sequence
    this.floats[f + 2] = record.durationMs
    this.floats[f + 3] = record.connectMs
    this.floats[f + 4] = record.firstByteMs
    this.floats[f + 5] = record.bytesToUpstream
    this.floats[f + 6] = record.bytesToClient
    const n = (at + FLOATS * 8) >> 2
    this.ints[n] = record.serviceIndex
    this.ints[n + 1] = record.listenerIndex
    this.ints[n + 2] = record.upstreamIndex
    this.ints[n + 3] = record.upstreamAddressIndex
    this.ints[n + 4] = record.reasonCode
    this.ints[n + 5] = record.attempts
    this.ints[n + 6] = record.clientRttUs
    this.ints[n + 7] = record.upstreamRttUs
    this.ints[n + 8] = record.clientRetransmits
    this.ints[n + 9] = record.upstreamRetransmits
    this.ints[n + 10] = record.clientPort
    this.ints[n + 11] = record.clientFamily
    this.ints[n + 12] = failed
    this.ints[n + 13] = record.queueMs
    this.bytes.set(record.clientAddress, at + FLOATS * 8 + INTS * 4)
  }

  #writeAttempt(at: number, attempt: FailedAttempt): void {
    const n = at >> 2
    this.ints[n] = attempt.upstreamIndex
    this.ints[n + 1] = attempt.upstreamAddressIndex
    this.ints[n + 2] = attempt.error
    this.ints[n + 3] = attempt.durationMs
  }
}

export class LogRingReader extends RingView {
  /** Hands up to `recordsMax` records to `take`, oldest first; returns how many. */
  read(recordsMax: number, take: (record: ConnectionRecord) => void): number {
    let records = 0
    let read = this.positions[READ]
    const written = Atomics.load(this.positions, WRITTEN)
    while (read !== written && records < recordsMax) {
      const at = read & (this.capacity - 1)
      // The writer leaves a tail that is too short for its record; a tail without room for the mark can't be: sizes are multiples of 16.
      if (this.ints[(at + FLOATS * 8) >> 2] === SKIP_TO_START || this.capacity - at < FIXED_BYTES) {
        read = (read + this.capacity - at) & 0x7fffffff
        continue
      }
      const record = this.#recordAt(at)
      read = (read + FIXED_BYTES + record.failedAttempts.length * ATTEMPT_BYTES) & 0x7fffffff
      take(record)
      records++
    }
    Atomics.store(this.positions, READ, read)
    return records
  }

  #recordAt(at: number): ConnectionRecord {
    const f = at >> 3
    const n = (at + FLOATS * 8) >> 2
    const failedCount = this.ints[n + 12]
    const addressAt = at + FLOATS * 8 + INTS * 4
    return {
      timeMs: this.floats[f],
      sequence: this.floats[f + 1],
      durationMs: this.floats[f + 2],
      connectMs: this.floats[f + 3],
      firstByteMs: this.floats[f + 4],
      bytesToUpstream: this.floats[f + 5],
      bytesToClient: this.floats[f + 6],
      serviceIndex: this.ints[n],
      listenerIndex: this.ints[n + 1],
      upstreamIndex: this.ints[n + 2],
      upstreamAddressIndex: this.ints[n + 3],
      reasonCode: this.ints[n + 4],
      attempts: this.ints[n + 5],
      clientRttUs: this.ints[n + 6],
      upstreamRttUs: this.ints[n + 7],
      clientRetransmits: this.ints[n + 8],
      upstreamRetransmits: this.ints[n + 9],
      clientPort: this.ints[n + 10],
      clientFamily: this.ints[n + 11],
      queueMs: this.ints[n + 13],
      clientAddress: this.bytes.slice(addressAt, addressAt + ADDRESS_BYTES),
      failedAttempts: Array.from({ length: failedCount }, (_, i) =>
        this.#attemptAt(at + FIXED_BYTES + i * ATTEMPT_BYTES),
      ),
    }
  }

  #attemptAt(at: number): FailedAttempt {
    const n = at >> 2
    return {
      upstreamIndex: this.ints[n],
      upstreamAddressIndex: this.ints[n + 1],
      error: this.ints[n + 2],
      durationMs: this.ints[n + 3],
    }
  }
}

export { RECORD_BYTES_MAX }
