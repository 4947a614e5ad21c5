/**
 * The quick way of the relay: when many connections have a little data in the same turn, all are read in one system call
 * and all sent on in a second one (kernel/io-ring.ts). What does not fit the plain case goes the ordinary way,
 * relay.ts, in the same turn; a half that needs more than one portion goes on there too.
 *
 * A connection is only ended when every entry is done: until then the kernel and the batch name its sockets.
 */
import { NOT_DONE, RING_ENTRIES } from '../../kernel/io-ring.ts'
import type { IoRing } from '../../kernel/io-ring.ts'
import { addressOf, EPOLL } from '../../kernel/libc.ts'
import { lowBytes } from '../../kernel/low-memory.ts'
import { FLAG, STAGE } from './connection.ts'
import type { Half } from './connection.ts'
import {
  COPY_BYTES,
  keepRest,
  noteEnd,
  noteRead,
  noteReadError,
  noteSent,
  noteShortRead,
  preferNoDelay,
} from './copy.ts'
import { uncountBytes } from './end.ts'
import { guarded } from './guard.ts'
import type { Step } from './guard.ts'
import type { Loop } from './loop.ts'
import { pump, settle } from './relay.ts'

/** One alone goes the ordinary way. Measured on a send and recv of 100 bytes each: 1: +15 %, 2: -5 %, 4: -14 %, 16: -23 %, 64: -24 %. */
const HALVES_MIN = 2

const PLAIN_EVENTS = EPOLL.in | EPOLL.out
/** Anything in the way of "read a little, send it on". */
const NOT_PLAIN =
  FLAG.remoteFinished | FLAG.ended | FLAG.failed | FLAG.erred | FLAG.urgent | FLAG.splicing | FLAG.unfinished

export class Batch {
  readonly #ring: IoRing
  readonly #memory = lowBytes(RING_ENTRIES * COPY_BYTES)
  readonly #memoryAt = addressOf(this.#memory)
  readonly #halves: Half[] = []
  /** By place in the batch: bytes read, and the entry that sends them; -1 is none. */
  readonly #bytes = new Int32Array(RING_ENTRIES)
  readonly #sends = new Int32Array(RING_ENTRIES)

  constructor(ring: IoRing) {
    this.#ring = ring
  }

  /** Takes the half into the batch if its event is the plain case; false leaves it to the caller. */
  take(loop: Loop, half: Half, events: number): boolean {
    if (this.#ring.refusal !== undefined || !isPlain(half, events)) return false
    half.flags |= FLAG.readable
    this.#halves.push(half)
    if (this.#halves.length === RING_ENTRIES) this.run(loop)
    return true
  }

  /** Moves everything that was taken. */
  run(loop: Loop): void {
    const halves = this.#halves
    if (halves.length >= HALVES_MIN && loop.spills.canHoldMany()) {
      this.#receive(loop)
      this.#send(loop)
      if (this.#ring.refusal !== undefined) loop.tell({ kind: 'warning', message: refusalSentence(this.#ring.refusal) })
    }
    // What is left to do follows from the flags, whatever happened above.
    for (let i = 0; i < halves.length; i++)
      guarded(loop, halves[i].connection, i, halves[i].isClient ? finishClient : finishUpstream)
    halves.length = 0
  }

  #receive(loop: Loop): void {
    const halves = this.#halves
    for (let i = 0; i < halves.length; i++)
      this.#ring.putRecv(halves[i].fd, this.#memoryAt + i * COPY_BYTES, COPY_BYTES)
    this.#ring.submit()
    for (let i = 0; i < halves.length; i++) this.#bytes[i] = noteReceived(loop, halves[i], this.#ring.result(i))
  }

  #send(loop: Loop): void {
    const halves = this.#halves
    let sends = 0
    for (let i = 0; i < halves.length; i++) {
      this.#sends[i] = -1
      const { peer } = halves[i]
      // Its own read of a moment ago may have told that it is dead.
      if (this.#bytes[i] === 0 || peer.has(FLAG.failed)) continue
      preferNoDelay(peer)
      this.#ring.putSend(peer.fd, this.#memoryAt + i * COPY_BYTES, this.#bytes[i])
      this.#sends[i] = sends++
    }
    if (sends > 0) this.#ring.submit()
    for (let i = 0; i < halves.length; i++) {
      if (this.#bytes[i] > 0 && this.#sent(i) !== this.#bytes[i])
        guarded(loop, halves[i].connection, i, keepUndelivered)
    }
  }

  /** What became of the bytes read at this place. */
  #sent(i: number): number {
    return this.#sends[i] === -1 ? NOT_DONE : this.#ring.result(this.#sends[i])
  }

  /** The receiver did not take all: it is full, or dead, or was not asked. */
  keepUndelivered(loop: Loop, i: number): void {
    const half = this.#halves[i]
    // A defect on the other half may have ended the connection just now.
    if (half.connection.stage !== STAGE.relay) return
    const bytes = this.#bytes[i]
    const result = this.#sent(i)
    const sent = result === NOT_DONE ? 0 : noteSent(half.peer, result)
    if (half.peer.has(FLAG.failed)) return uncountBytes(loop, half, bytes - sent)
    const from = i * COPY_BYTES
    keepRest(loop, half, this.#memory.subarray(from + sent, from + bytes))
  }
}

const keepUndelivered: Step = (loop, _connection, i) => loop.batch?.keepUndelivered(loop, i)

export function refusalSentence(refusal: string): string {
  return `${refusal}: io_uring is not used, and each read and send is a call of its own.`
}

function isPlain(half: Half, events: number): boolean {
  if ((events & ~PLAIN_EVENTS) !== 0 || (events & EPOLL.in) === 0) return false
  const { connection, peer } = half
  if (half.fd === -1 || connection.stage !== STAGE.relay) return false
  if (half.has(NOT_PLAIN) || half.streak > 0 || half.spill !== null || half.pipe !== null) return false
  // An edge that makes it writable again concerns the other direction.
  if ((events & EPOLL.out) !== 0 && !half.has(FLAG.writable)) return false
  return (peer.flags & (FLAG.writable | FLAG.failed | FLAG.shut)) === FLAG.writable
}

/** Bytes read, 0 when there are none; flags say why. */
function noteReceived(loop: Loop, half: Half, result: number): number {
  if (result > 0) {
    noteRead(loop, half, result)
    if (result < COPY_BYTES) noteShortRead(half)
    else half.streak++
    return result
  }
  if (result === 0) noteEnd(half)
  else if (result !== NOT_DONE) noteReadError(half, -result)
  return 0
}

const ENDING = FLAG.ended | FLAG.failed

function finish(loop: Loop, half: Half): void {
  const { connection, peer } = half
  if (connection.stage !== STAGE.relay) return
  // A receiver that was not asked takes bytes, so no edge will ever come to tell that it does.
  const isUnasked = half.spill !== null && peer.has(FLAG.writable)
  if (half.has(FLAG.readable) || isUnasked) pump(loop, half)
  else if (half.has(ENDING) || peer.has(ENDING)) settle(loop, connection)
}

const finishClient: Step = (loop, connection) => finish(loop, connection.client)
const finishUpstream: Step = (loop, connection) => finish(loop, connection.upstream)
