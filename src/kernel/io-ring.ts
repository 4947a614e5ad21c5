/**
 * Many receives or sends in one system call, by io_uring: a call of its own for each costs more than what it does
 * (FFI, entering the kernel, looking up the file). Sockets must be non-blocking, so that everything is done
 * when the call returns; nothing is ever left waiting in the ring.
 *
 *   put: a 64-byte entry in the submission queue (shared memory)       submit: one io_uring_enter
 *   result: read from the completion queue by the entry's place [io_uring(7), linux/io_uring.h]
 */
import { addressOf, close, E, errno, errnoName, ioUringEnter, ioUringSetup, mapRing, MSG, viewMemory } from './libc.ts'
import type { Address, Fd } from './libc.ts'
import { lowInts } from './low-memory.ts'

/** Entries in one submission; a power of two. More is not faster: measured from 16 on. */
export const RING_ENTRIES = 64

/** An entry that the kernel did not come to: nothing was read or sent for it. Below every errno. */
export const NOT_DONE = -(2 ** 31)

const OPERATION = { send: 26, recv: 27 } as const
/** Since Linux 5.4 both queues are one mapping. */
const FEATURE_SINGLE_MMAP = 1
/** Linux 5.7; the kernels before it have send and recv too (5.6), and nobody has them any more. */
const FEATURE_FAST_POLL = 1 << 5
const OFFSET = { rings: 0, entries: 0x1000_0000 } as const
const ENTER_GETEVENTS = 1
const PAGE_BYTES = 4096

/** In 4-byte words. struct io_uring_params is 120 bytes; offsets of the queues' fields stand at byte 40 and 80. */
const PARAMS_INTS = 30
const PARAM = { sqEntries: 0, cqEntries: 1, features: 5, sq: 10, cq: 20 } as const
const SQ = { head: 0, tail: 1, array: 6 } as const
const CQ = { head: 0, tail: 1, cqes: 5 } as const
const ENTRY_INTS = 16
const COMPLETION_INTS = 4

export class IoRing {
  readonly #fd: Fd
  readonly #rings: Int32Array
  readonly #entries: Int32Array
  readonly #sqHead: number
  readonly #sqTail: number
  readonly #cqHead: number
  readonly #cqTail: number
  readonly #cqes: number
  readonly #cqMask: number
  readonly #results = new Int32Array(RING_ENTRIES)
  #tail = 0
  #queued = 0
  #refusal: string | undefined

  /** A ring of this thread, or why there is none: not built in, forbidden by a sysctl or a filter, no memory. */
  static open(): IoRing | string {
    const params = lowInts(PARAMS_INTS)
    const fd = ioUringSetup(RING_ENTRIES, addressOf(params))
    if (fd < 0) return `io_uring_setup: ${errnoName(errno())}`
    const wanted = FEATURE_SINGLE_MMAP | FEATURE_FAST_POLL
    let refusal = 'io_uring: this kernel has an old form of it'
    if ((params[PARAM.features] & wanted) === wanted) {
      const queues = mapQueues(fd, params)
      // A filter may let only the set-up through.
      if (queues !== undefined && ioUringEnter(fd, 0, 0, 0) === 0) return new IoRing(fd, params, queues)
      refusal = `${queues === undefined ? 'mmap of io_uring' : 'io_uring_enter'}: ${errnoName(errno())}`
    }
    close(fd)
    return refusal
  }

  private constructor(fd: Fd, params: Int32Array, { rings, entries }: Queues) {
    this.#fd = fd
    this.#rings = rings
    this.#entries = entries
    this.#sqHead = params[PARAM.sq + SQ.head] >> 2
    this.#sqTail = params[PARAM.sq + SQ.tail] >> 2
    this.#cqHead = params[PARAM.cq + CQ.head] >> 2
    this.#cqTail = params[PARAM.cq + CQ.tail] >> 2
    this.#cqes = params[PARAM.cq + CQ.cqes] >> 2
    this.#cqMask = params[PARAM.cqEntries] - 1
    // Each place of the queue names the entry of the same number, for good.
    const array = params[PARAM.sq + SQ.array] >> 2
    for (let i = 0; i < RING_ENTRIES; i++) rings[array + i] = i
  }

  /** Queues a recv; `result(i)` of the i-th entry is what the call would return, or minus the errno. */
  putRecv(fd: Fd, to: Address, bytes: number): void {
    this.#put(OPERATION.recv, fd, to, bytes, MSG.dontwait)
  }

  putSend(fd: Fd, from: Address, bytes: number): void {
    this.#put(OPERATION.send, fd, from, bytes, MSG.dontwait | MSG.nosignal)
  }

  #put(operation: number, fd: Fd, at: Address, bytes: number, flags: number): void {
    const entries = this.#entries
    const entry = (this.#tail & (RING_ENTRIES - 1)) * ENTRY_INTS
    // opcode u8, flags u8, ioprio u16 | fd | off u64 | addr u64 | len | msg_flags | user_data u64 | the rest stays zero
    entries[entry] = operation
    entries[entry + 1] = fd
    entries[entry + 4] = at | 0
    entries[entry + 5] = at > 0x7fff_ffff ? Math.floor(at / 2 ** 32) : 0
    entries[entry + 6] = bytes
    entries[entry + 7] = flags
    entries[entry + 8] = this.#queued
    this.#results[this.#queued] = NOT_DONE
    this.#queued++
    this.#tail = (this.#tail + 1) | 0
  }

  /** Why the kernel lets nothing more through this ring; undefined while it does. */
  get refusal(): string | undefined {
    return this.#refusal
  }

  /** Carries out what is queued. Entries the kernel did not take, for want of memory or by a refusal, have the result NOT_DONE. */
  submit(): void {
    const rings = this.#rings
    rings[this.#sqTail] = this.#tail
    let submitted = ioUringEnter(this.#fd, this.#queued, 0, 0)
    if (submitted < 0) {
      const code = errno()
      if (!isPassing(code)) this.#refusal = `io_uring_enter: ${errnoName(code)}`
      submitted = 0
    }
    // What was not taken must not be taken by a later call: its buffers and files will be others by then.
    this.#tail = rings[this.#sqHead]
    rings[this.#sqTail] = this.#tail
    this.#queued = 0
    for (let done = this.#takeCompletions(); done < submitted; done += this.#takeCompletions()) this.#waitForOne()
  }

  /** Non-blocking sockets are done at once; should a kernel think otherwise, the buffers are its until it says so. */
  #waitForOne(): void {
    if (ioUringEnter(this.#fd, 0, 1, ENTER_GETEVENTS) >= 0) return
    const code = errno()
    if (!isPassing(code)) throw new Error(`io_uring_enter: ${errnoName(code)}`)
  }

  #takeCompletions(): number {
    const rings = this.#rings
    const first = rings[this.#cqHead]
    const tail = rings[this.#cqTail]
    for (let head = first; head !== tail; head = (head + 1) | 0) {
      const completion = this.#cqes + (head & this.#cqMask) * COMPLETION_INTS
      const result = rings[completion + 2]
      // The ring's own want of memory, not the socket's: who asks the socket itself hears what is the matter.
      this.#results[rings[completion]] = result === -E.ENOMEM || result === -E.EINTR ? NOT_DONE : result
    }
    rings[this.#cqHead] = tail
    return (tail - first) | 0
  }

  /** Of the i-th entry of the last submission. */
  result(i: number): number {
    return this.#results[i]
  }

  close(): void {
    close(this.#fd)
  }
}

/** The next call may succeed. */
function isPassing(code: number): boolean {
  return code === E.EAGAIN || code === E.EBUSY || code === E.EINTR || code === E.ENOMEM
}

interface Queues {
  readonly rings: Int32Array
  readonly entries: Int32Array
}

/** The mappings live as long as the process, as all memory whose address is given away. */
function mapQueues(fd: Fd, params: Int32Array): Queues | undefined {
  const sqBytes = params[PARAM.sq + SQ.array] + params[PARAM.sqEntries] * 4
  const cqBytes = params[PARAM.cq + CQ.cqes] + params[PARAM.cqEntries] * COMPLETION_INTS * 4
  const rings = mapInts(fd, Math.max(sqBytes, cqBytes), OFFSET.rings)
  const entries = mapInts(fd, params[PARAM.sqEntries] * ENTRY_INTS * 4, OFFSET.entries)
  return rings === undefined || entries === undefined ? undefined : { rings, entries }
}

function mapInts(fd: Fd, bytes: number, offset: number): Int32Array | undefined {
  const pages = Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES
  const at = mapRing(fd, pages, offset)
  if (at === undefined) return undefined
  const view = viewMemory(at, pages)
  return new Int32Array(view.buffer, view.byteOffset, pages / 4)
}
