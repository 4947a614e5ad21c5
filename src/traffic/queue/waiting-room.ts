/**
 * Step 4 of 6, where a service has a `queue`: who finds all places taken waits for one, the oldest first over all
 * workers. One room for each worker; what the rooms share is in shared-queue.ts. Used by both engines.
 *
 *   join ─▶ waits ─▶ called ─▶ answer ─▶ served: a place of the service and one of an upstream are taken
 *             ▲                   │
 *             └────── FULL ───────┘      leave: from anywhere; a call is passed on
 *
 * A call is no place: the client takes its places itself, under the queue's lock, by the same compare-and-exchange as
 * everybody, so maxConnections hold at every moment and nothing is lost with a client or a worker that is gone. Nobody
 * overtakes, because new clients join while anybody waits. No place stays free unseen: it is given back before the
 * count of those who wait is read, and that count grows before a client that joins looks for a place itself. What is
 * left (an upstream that is back, new tables) control finds by calling the oldest once a second.
 */
import { FULL, type Chooser } from '../balance/choose.ts'
import { clientHash32 } from '../../lib/client-hash.ts'
import type { CloseReason } from '../close-reason.ts'
import type { FailedAttempt } from '../log-ring.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { QueueRules, Service } from '../tables.ts'
import type { UpstreamStates } from '../upstream-states.ts'
import { CALL, NO_ENTRY, SharedQueue } from './shared-queue.ts'
import type { WorkerWakes } from './worker-wakes.ts'

/** Beside NONE and FULL of choose.ts. */
export const WAITS = -3
export const QUEUE_FULL = -4
export const CLIENT_FULL = -5

/** Why a client gets no candidate, where it is not the upstreams' doing. */
export const WANT_REASONS: ReadonlyMap<number, CloseReason> = new Map([
  [FULL, 'upstreams-full'],
  [QUEUE_FULL, 'queue-full'],
  [CLIENT_FULL, 'queue-client-full'],
])

/** Who joins. The address is that of the client, by its PROXY header where one was believed. */
export interface Comer {
  readonly service: Service
  readonly addressBytes: Uint8Array
  readonly addressAt: number
  readonly family: 4 | 6
  readonly tried: readonly FailedAttempt[] | null
  /** Where the client was before (affinity.ts), or -1. */
  readonly known: number
}

export class WaitingRoom {
  readonly #workerIndex: number
  readonly #wakes: WorkerWakes
  readonly #states: UpstreamStates
  readonly #chooser: Chooser
  readonly #queueByRules = new WeakMap<QueueRules, SharedQueue>()
  /** Queues in which clients of this worker wait, and how many. */
  readonly #ownByQueue = new Map<SharedQueue, number>()
  /** Of the last `join` that ended in WAITS. */
  entry = NO_ENTRY
  ticket = 0

  constructor(workerIndex: number, wakes: WorkerWakes, states: UpstreamStates, chooser: Chooser) {
    this.#workerIndex = workerIndex
    this.#wakes = wakes
    this.#states = states
    this.#chooser = chooser
  }

  /** Undefined where the service has none. */
  #queueOf({ queue: rules }: Service): SharedQueue | undefined {
    if (rules.memory === undefined) return undefined
    let queue = this.#queueByRules.get(rules)
    if (queue === undefined) this.#queueByRules.set(rules, (queue = new SharedQueue(rules.memory)))
    return queue
  }

  /** A new client has to join: somebody is before it. */
  isAnyoneWaiting(service: Service): boolean {
    const queue = this.#queueOf(service)
    return queue !== undefined && queue.count > 0
  }

  /** A new client can't even join. */
  isFull(service: Service): boolean {
    const queue = this.#queueOf(service)
    return queue === undefined || queue.count >= queue.max
  }

  /**
   * A client without any place. `owner` is what `nextCalled` says of it later; `ticket` is that of an earlier wait, or
   * 0. Returns a candidate with both places taken; WAITS with `entry` and `ticket` set; or NONE, QUEUE_FULL, CLIENT_FULL.
   */
  join(comer: Comer, owner: number, ticket: number, nowMs: MonotonicMs): number {
    const queue = this.#queueOf(comer.service)
    if (queue === undefined) return FULL
    const { addressBytes, addressAt, family, service } = comer
    const high = word(addressBytes, addressAt)
    // The /64 of an IPv6 address; an IPv4 address has no second word.
    const low = family === 6 ? word(addressBytes, addressAt + 4) : 0
    queue.lock()
    try {
      if (queue.count >= queue.max) return QUEUE_FULL
      if (queue.countOf(high, low) >= service.queue.perClient) return CLIENT_FULL
      const entry = queue.append(this.#workerIndex, owner, high, low, ticket)
      this.entry = entry
      this.ticket = queue.ticket(entry)
      this.#countOwn(queue, 1)
      // Alone, it may take what was given back while it came; else that is for those who were called.
      if (queue.count > 1 && !queue.takeMissed()) return WAITS
      return this.#attempt(queue, entry, comer, nowMs)
    } finally {
      queue.unlock()
    }
  }

  /** The owner of a client of this worker that was called and must `answer`; NO_ENTRY when there is none. */
  nextCalled(): number {
    for (const queue of this.#ownByQueue.keys()) {
      queue.lock()
      const entry = queue.oldestCalled(this.#workerIndex)
      const owner = entry === NO_ENTRY ? NO_ENTRY : queue.owner(entry)
      queue.unlock()
      if (owner !== NO_ENTRY) return owner
    }
    return NO_ENTRY
  }

  /** Its turn; the lower came first. */
  ticketOf(service: Service, entry: number): number {
    return this.#queueOf(service)?.ticket(entry) ?? 0
  }

  /** What a called client gets: a candidate with both places taken, or WAITS, or NONE. */
  answer(comer: Comer, entry: number, nowMs: MonotonicMs): number {
    const queue = this.#queueOf(comer.service)
    if (queue === undefined) return FULL
    queue.lock()
    try {
      const call = queue.callOf(entry)
      const choice = this.#attempt(queue, entry, comer, nowMs)
      if (choice === WAITS) {
        // What is free may be an upstream that only this client has tried.
        const next = queue.nextWaiting(entry)
        if (comer.tried !== null && comer.tried.length > 0 && next !== NO_ENTRY) {
          callEntry(queue, next, call, this.#wakes)
        }
      } else if (choice < 0 || call === CALL.chain || queue.takeMissed()) {
        this.#passOn(queue, call)
      }
      return choice
    } finally {
      queue.unlock()
    }
  }

  /** The client waits no more. */
  leave(service: Service, entry: number): void {
    const queue = this.#queueOf(service)
    if (queue === undefined) return
    queue.lock()
    const call = queue.callOf(entry)
    this.#remove(queue, entry)
    if (call !== CALL.none) this.#passOn(queue, call)
    queue.unlock()
  }

  /** To be called after a place of the service or of one of its upstreams was given back. */
  noteFreed(service: Service): void {
    const queue = this.#queueOf(service)
    if (queue === undefined || queue.count === 0) return
    queue.lock()
    this.#passOn(queue, CALL.place)
    queue.unlock()
  }

  /** Leaves the queue with places, or stays in it. */
  #attempt(queue: SharedQueue, entry: number, comer: Comer, nowMs: MonotonicMs): number {
    const choice = this.#take(comer, nowMs)
    if (choice !== FULL) {
      this.#remove(queue, entry)
      return choice
    }
    queue.putBack(entry)
    return WAITS
  }

  #take({ service, tried, addressBytes, addressAt, family, known }: Comer, nowMs: MonotonicMs): number {
    if (!this.#states.takeServicePlace(service.index, service.maxConnections)) return FULL
    const choice = this.#chooser.choose(service, tried, clientHash32(addressBytes, addressAt, family), nowMs, known)
    // Attempts of those who wait come one at a time, so nobody is kept from a place by this one.
    if (choice < 0) this.#states.giveServicePlaceBack(service.index)
    return choice
  }

  /** Calls the oldest that was not called yet; with none, the next one to come need not wait for a call. */
  #passOn(queue: SharedQueue, call: number): void {
    if (queue.oldestWaiting !== NO_ENTRY) callEntry(queue, queue.oldestWaiting, call, this.#wakes)
    else if (queue.count > 0) queue.noteMissed()
  }

  #remove(queue: SharedQueue, entry: number): void {
    queue.remove(entry)
    this.#countOwn(queue, -1)
  }

  #countOwn(queue: SharedQueue, change: number): void {
    const count = (this.#ownByQueue.get(queue) ?? 0) + change
    if (count === 0) this.#ownByQueue.delete(queue)
    else this.#ownByQueue.set(queue, count)
  }
}

/** By who holds the lock: the worker can't end, and its eventfd not close, while it has an entry here. */
function callEntry(queue: SharedQueue, entry: number, call: number, wakes: WorkerWakes): void {
  const worker = queue.worker(entry)
  queue.call(entry, call)
  wakes.wake(worker)
}

/** For control, which waits for no worker: something may have changed that frees no place by itself. */
export function callOldest(queue: SharedQueue, wakes: WorkerWakes): void {
  if (queue.count === 0 || !queue.tryLock()) return
  if (queue.oldestWaiting !== NO_ENTRY) callEntry(queue, queue.oldestWaiting, CALL.chain, wakes)
  queue.unlock()
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
}
