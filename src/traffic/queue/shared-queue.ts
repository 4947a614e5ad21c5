/**
 * Who waits for a place in one service, over all workers: a fixed piece of shared memory behind one lock. Every method
 * but `count` is for those who hold the lock.
 *
 *   waiting:           oldest <-> … <-> newest
 *   called, worker 0:  …               told that a place may be free; each of them tries, and leaves or goes back
 *   called, worker 1:  …
 *   free:              entries in nobody's use
 *
 * An entry is in exactly one list. Tickets say who came first. All clients of one hash are linked too, so that those
 * of one address are counted without a look at all.
 */
import { lock, tryLock, unlock } from '../../lib/mutex.ts'
import { mix32 } from '../../lib/client-hash.ts'

/** A worker's index has two hex digits in a connection's id. */
const WORKERS_MAX = 256

export const NO_ENTRY = -1

/** Why a client was called. */
export const CALL = {
  none: 0,
  /** One place came free. */
  place: 1,
  /** Something may have changed for many: who finds a place calls the next. */
  chain: 2,
} as const

/** Int32 places of the head. */
const HEAD = { lock: 0, count: 1, ticket: 2, seed: 3, oldest: 4, newest: 5, free: 6, max: 7, missed: 8 } as const
const HEAD_INTS = 16
/** First and last of each worker's list of called ones. */
const CALLED_AT = HEAD_INTS
const BUCKETS_AT = CALLED_AT + WORKERS_MAX * 2

/** Int32 places of an entry. */
const ENTRY = {
  call: 0,
  ticket: 1,
  worker: 2,
  owner: 3,
  clientHigh: 4,
  clientLow: 5,
  next: 6,
  previous: 7,
  bucketNext: 8,
  bucketPrevious: 9,
} as const
const ENTRY_INTS = 10

function bucketsFor(max: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(2, max)))
}

export class SharedQueue {
  readonly memory: SharedArrayBuffer
  readonly #ints: Int32Array
  readonly #buckets: number
  readonly #entriesAt: number

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.#ints = new Int32Array(memory)
    this.#buckets = bucketsFor(this.#ints[HEAD.max])
    this.#entriesAt = BUCKETS_AT + this.#buckets
  }

  /** Room for `max` clients; `seed` keeps clients from choosing addresses that fall into one bucket. */
  static make(max: number, seed: number): SharedArrayBuffer {
    const entriesAt = BUCKETS_AT + bucketsFor(max)
    const memory = new SharedArrayBuffer((entriesAt + max * ENTRY_INTS) * 4)
    const ints = new Int32Array(memory)
    ints.fill(NO_ENTRY, CALLED_AT, entriesAt)
    ints[HEAD.max] = max
    ints[HEAD.seed] = seed
    ints[HEAD.oldest] = NO_ENTRY
    ints[HEAD.newest] = NO_ENTRY
    ints[HEAD.free] = max === 0 ? NO_ENTRY : 0
    for (let entry = 0; entry < max; entry++) {
      ints[entriesAt + entry * ENTRY_INTS + ENTRY.next] = entry === max - 1 ? NO_ENTRY : entry + 1
    }
    return memory
  }

  lock(): void {
    lock(this.#ints, HEAD.lock)
  }

  tryLock(): boolean {
    return tryLock(this.#ints, HEAD.lock)
  }

  unlock(): void {
    unlock(this.#ints, HEAD.lock)
  }

  /** Clients that wait, those called included. */
  get count(): number {
    return Atomics.load(this.#ints, HEAD.count)
  }

  get max(): number {
    return this.#ints[HEAD.max]
  }

  /** How many entries one client has. */
  countOf(clientHigh: number, clientLow: number): number {
    let count = 0
    for (
      let entry = this.#ints[this.#bucketAt(clientHigh, clientLow)];
      entry !== NO_ENTRY;
      entry = this.#get(entry, ENTRY.bucketNext)
    ) {
      if (this.#get(entry, ENTRY.clientHigh) === clientHigh && this.#get(entry, ENTRY.clientLow) === clientLow) count++
    }
    return count
  }

  /** Behind everyone who waits, or where `ticket` (0: none) belongs; NO_ENTRY when all entries are taken. */
  append(worker: number, owner: number, clientHigh: number, clientLow: number, ticket = 0): number {
    const ints = this.#ints
    const entry = ints[HEAD.free]
    if (entry === NO_ENTRY) return NO_ENTRY
    ints[HEAD.free] = this.#get(entry, ENTRY.next)
    this.#set(entry, ENTRY.ticket, ticket === 0 ? this.#nextTicket() : ticket)
    this.#set(entry, ENTRY.worker, worker)
    this.#set(entry, ENTRY.owner, owner)
    this.#set(entry, ENTRY.clientHigh, clientHigh)
    this.#set(entry, ENTRY.clientLow, clientLow)
    this.#linkBucket(entry)
    this.#linkWaiting(entry)
    // Only now: who gives a place back must find somebody behind this count.
    Atomics.add(ints, HEAD.count, 1)
    return entry
  }

  /** Never 0, which says none. */
  #nextTicket(): number {
    const ticket = (this.#ints[HEAD.ticket] + 1) | 0
    this.#ints[HEAD.ticket] = ticket === 0 ? 1 : ticket
    return this.#ints[HEAD.ticket]
  }

  remove(entry: number): void {
    this.#unlink(entry)
    this.#unlinkBucket(entry)
    this.#set(entry, ENTRY.next, this.#ints[HEAD.free])
    this.#ints[HEAD.free] = entry
    if (Atomics.sub(this.#ints, HEAD.count, 1) === 1) this.#ints[HEAD.missed] = 0
  }

  /** A client that was called for nothing waits again, at its old place. */
  putBack(entry: number): void {
    this.#unlink(entry)
    this.#linkWaiting(entry)
  }

  /** From waiting to called; it was not called before. */
  call(entry: number, call: number): void {
    this.#unlink(entry)
    const at = CALLED_AT + this.worker(entry) * 2
    this.#set(entry, ENTRY.call, call)
    this.#link(entry, this.#ints[at + 1], NO_ENTRY, at, at + 1)
  }

  get oldestWaiting(): number {
    return this.#ints[HEAD.oldest]
  }

  /** The one that came after an entry which waits. */
  nextWaiting(entry: number): number {
    return this.#get(entry, ENTRY.next)
  }

  oldestCalled(worker: number): number {
    return this.#ints[CALLED_AT + worker * 2]
  }

  worker(entry: number): number {
    return this.#get(entry, ENTRY.worker)
  }

  owner(entry: number): number {
    return this.#get(entry, ENTRY.owner)
  }

  ticket(entry: number): number {
    return this.#get(entry, ENTRY.ticket)
  }

  /** One of CALL; `none` while it waits. */
  callOf(entry: number): number {
    return this.#get(entry, ENTRY.call)
  }

  /** A place came free and everybody in the queue had been called already: who comes next may try at once. */
  noteMissed(): void {
    this.#ints[HEAD.missed]++
  }

  takeMissed(): boolean {
    if (this.#ints[HEAD.missed] === 0) return false
    this.#ints[HEAD.missed]--
    return true
  }

  #linkWaiting(entry: number): void {
    this.#set(entry, ENTRY.call, CALL.none)
    const ticket = this.ticket(entry)
    const newest = this.#ints[HEAD.newest]
    if (newest === NO_ENTRY || isBefore(this.ticket(newest), ticket)) {
      return this.#link(entry, newest, NO_ENTRY, HEAD.oldest, HEAD.newest)
    }
    // One that goes back was called, so it is among the oldest.
    let after = this.#ints[HEAD.oldest]
    while (isBefore(this.ticket(after), ticket)) after = this.#get(after, ENTRY.next)
    this.#link(entry, this.#get(after, ENTRY.previous), after, HEAD.oldest, HEAD.newest)
  }

  #link(entry: number, before: number, after: number, firstAt: number, lastAt: number): void {
    this.#set(entry, ENTRY.previous, before)
    this.#set(entry, ENTRY.next, after)
    if (before === NO_ENTRY) this.#ints[firstAt] = entry
    else this.#set(before, ENTRY.next, entry)
    if (after === NO_ENTRY) this.#ints[lastAt] = entry
    else this.#set(after, ENTRY.previous, entry)
  }

  #unlink(entry: number): void {
    const isCalled = this.callOf(entry) !== CALL.none
    const firstAt = isCalled ? CALLED_AT + this.worker(entry) * 2 : HEAD.oldest
    const lastAt = isCalled ? firstAt + 1 : HEAD.newest
    const before = this.#get(entry, ENTRY.previous)
    const after = this.#get(entry, ENTRY.next)
    if (before === NO_ENTRY) this.#ints[firstAt] = after
    else this.#set(before, ENTRY.next, after)
    if (after === NO_ENTRY) this.#ints[lastAt] = before
    else this.#set(after, ENTRY.previous, before)
  }

  #linkBucket(entry: number): void {
    const at = this.#bucketAt(this.#get(entry, ENTRY.clientHigh), this.#get(entry, ENTRY.clientLow))
    const first = this.#ints[at]
    this.#set(entry, ENTRY.bucketPrevious, NO_ENTRY)
    this.#set(entry, ENTRY.bucketNext, first)
    if (first !== NO_ENTRY) this.#set(first, ENTRY.bucketPrevious, entry)
    this.#ints[at] = entry
  }

  #unlinkBucket(entry: number): void {
    const before = this.#get(entry, ENTRY.bucketPrevious)
    const after = this.#get(entry, ENTRY.bucketNext)
    const at = this.#bucketAt(this.#get(entry, ENTRY.clientHigh), this.#get(entry, ENTRY.clientLow))
    if (before === NO_ENTRY) this.#ints[at] = after
    else this.#set(before, ENTRY.bucketNext, after)
    if (after !== NO_ENTRY) this.#set(after, ENTRY.bucketPrevious, before)
  }

  #bucketAt(clientHigh: number, clientLow: number): number {
    const hash = mix32(mix32(clientHigh ^ this.#ints[HEAD.seed]) ^ clientLow)
    return BUCKETS_AT + (hash & (this.#buckets - 1))
  }

  #get(entry: number, place: number): number {
    return this.#ints[this.#entriesAt + entry * ENTRY_INTS + place]
  }

  #set(entry: number, place: number, value: number): void {
    this.#ints[this.#entriesAt + entry * ENTRY_INTS + place] = value
  }
}

/** Tickets wrap around; all that are in use lie close together. */
function isBefore(ticket: number, other: number): boolean {
  return ((ticket - other) | 0) < 0
}
