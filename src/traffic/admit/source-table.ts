/**
 * How many connections each source has open, and how fast it opens them: over all workers, in one piece of shared
 * memory that never grows. A source is an address (of IPv6 the /64), a prefix (/24, /48) or an AS at one service, kept whole:
 * two sources are never taken for one.
 *
 *   head       12 int32    seeds of the hash, so that nobody outside can aim at a bucket; services
 *   services   16 int32 each: lock, alert, full times of its own rate and of the one in attacks (float64), unused
 *   buckets    48 int32 each, 192 bytes:
 *                lock, 1 unused | 9 × high | 9 × low | 9 × owner and open | 1 unused | 9 × full time (float64)
 *
 * A bucket is in three whole lines of the cache (lib/cache-line.ts). The first sixteenth of them is for ASes alone: no flood
 * of addresses takes their places, and those of the ASes that most clients come from stay in a cache.
 *
 * An entry with open connections is never given to another source, so its place is a handle with which a connection
 * gives back what it took in one atomic step. An entry without is worth no more than its full time (rate-limit.ts):
 * once that has passed, to forget it changes nothing. The errors, all of them in favour of the client:
 *
 *   untracked   all 9 entries of the bucket have open connections, or its lock was not to be had in time: the client is
 *               let in and not counted. With n sources that have connections in b buckets, a newcomer meets this with
 *               the probability P(Poisson(n / b) ≥ 9); docs/protect/limits.md has the numbers. A source of more than
 *               SOURCE_CONNECTIONS_MAX has the others uncounted.
 *   forgotten   all entries were in use, and the one whose rate had recovered furthest was given away too early: that
 *               source, which has no connection open, begins with a full burst.
 *
 * Never is one refused for what another did. Beyond `connectionsMax`, and `burst + rate × (t + 10 µs)`, nobody is let in
 * otherwise. Workers read their clock once a turn, so a client may be judged as if it came a turn earlier.
 */
import { randomInt } from 'node:crypto'
import { FIRST_LINE_AT, LINE_INTS } from '../../lib/cache-line.ts'
import { lockWithin, unlock } from '../../lib/mutex.ts'
import { mix32 } from '../../lib/client-hash.ts'
import { WORKER } from '../counters.ts'
import type { MonotonicMs } from '../node-wide.ts'
import { isWithinRate, spend } from './rate-limit.ts'
import type { RateLimit } from './rate-limit.ts'
import { highWord, isOfAsn, lowWord, ownerOf, SOURCE, type SourceKind } from './source-key.ts'

/** What `take` found. */
export const TAKEN = 0
export const OVER_CONNECTIONS = 1
export const OVER_RATE = 2

/** What `takeServiceRates` found; both is their sum. */
export const OVER_SERVICE_RATE = 1
export const OVER_ATTACK_RATE = 2

/** In place of a handle: nothing is to be given back. */
export const NO_HANDLE = -1

/** In place of where a source's bucket is. */
export const NOT_EXPECTED = -1

export interface SourceLimits {
  /** Open at once; 0 is no limit. */
  readonly connectionsMax: number
  readonly rate: RateLimit | null
}

/** `forced`: the stricter budgets hold as an operator wants it. */
export const ALERT = { none: 0, attack: 1, forced: 2 } as const
export type Alert = (typeof ALERT)[keyof typeof ALERT]

const UNLIMITED: SourceLimits = { connectionsMax: 0, rate: null }

const HEAD_INTS = FIRST_LINE_AT
const HEAD = { seedHigh: 0, seedLow: 1, services: 2 } as const
const SERVICE_INTS = 16
const SERVICE_ALERT = 1
const SERVICE_FULL_AT = 2
/** Of its own: who is held to the stricter rate may not use up the one of the others. */
const SERVICE_ATTACK_FULL_AT = 4
const BUCKET_INTS = 48
const ENTRIES = 9
const BUCKET = { lock: 0, high: 2, low: 11, owned: 20, fullAt: 30 } as const
/** Of the word that says whose an entry is and how many it has open, the count has the lower bits. */
const OPEN_BITS = 18
const OPEN_MASK = (1 << OPEN_BITS) - 1
export const SOURCE_CONNECTIONS_MAX = OPEN_MASK
const TWO_TO_32 = 2 ** 32
/** Of so many buckets one is for ASes; there is one at least, and one for the others. */
const BUCKETS_PER_ASN_BUCKET = 16
/**
 * What is done under a lock takes well below a microsecond. A holder may be off its core for some turns of the scheduler
 * (of WAIT_MS, lib/mutex.ts), and is waited for so long; one that has died is not.
 */
const LOCK_WAITS_MAX = 10

export const SOURCE_MEMORY_BYTES_MIN = 1024 * 1024

/** `bytes` in all; zero pages until they are used. */
export function makeSourceMemory(bytes: number, services: number): SharedArrayBuffer {
  const fixedInts = HEAD_INTS + services * SERVICE_INTS
  const buckets = Math.max(2, Math.floor((bytes / 4 - fixedInts) / BUCKET_INTS))
  const memory = new SharedArrayBuffer((fixedInts + buckets * BUCKET_INTS) * 4)
  const ints = new Int32Array(memory)
  ints[HEAD.seedHigh] = randomInt(TWO_TO_32) | 1
  ints[HEAD.seedLow] = randomInt(TWO_TO_32) | 1
  ints[HEAD.services] = services
  return memory
}

/** One worker's view. */
export class SourceTable {
  readonly #ints: Int32Array
  readonly #floats: Float64Array
  readonly #counts: Float64Array
  // With a number from the start: a field that is undefined first is never known to hold a small one.
  readonly #bucketsAt: number = 0
  readonly #asnBuckets: number = 0
  readonly #othersAt: number = 0
  readonly #otherBuckets: number = 0
  readonly #seedHigh: number = 0
  readonly #seedLow: number = 0
  /**
   * Of the last `take`: what the connection gives back at its end, the place of its count; NO_HANDLE where it was refused
   * or is not tracked.
   */
  handle = NO_HANDLE
  /** Of the last `take`: it was counted into the source's rate. */
  hasSpent = false
  /** Means nothing. */
  expected = 0

  /** `workerCounts` are the worker's own counters: what is tracked, and what is not. */
  constructor(memory: SharedArrayBuffer, workerCounts: Float64Array) {
    this.#ints = new Int32Array(memory)
    this.#floats = new Float64Array(memory)
    this.#counts = workerCounts
    this.#bucketsAt = HEAD_INTS + this.#ints[HEAD.services] * SERVICE_INTS
    const buckets = (this.#ints.length - this.#bucketsAt) / BUCKET_INTS
    this.#asnBuckets = Math.ceil(buckets / BUCKETS_PER_ASN_BUCKET)
    this.#otherBuckets = buckets - this.#asnBuckets
    this.#othersAt = this.#bucketsAt + this.#asnBuckets * BUCKET_INTS
    this.#seedHigh = this.#ints[HEAD.seedHigh]
    this.#seedLow = this.#ints[HEAD.seedLow]
  }

  /**
   * Begins to read what `take` will look at, and says where that is: memory answers late, but answers several questions in
   * the time of one. The lock of `take` would let none of the other lines be read before it is there.
   */
  expect(serviceIndex: number, kind: SourceKind, bytes: Uint8Array, at: number, family: 4 | 6): number {
    const ints = this.#ints
    const owner = ownerOf(serviceIndex, kind, family)
    const bucket = this.#bucketAt(highWord(kind, bytes, at, family), lowWord(kind, bytes, at, family), owner)
    // Of each line that `take` reads; kept, so that no compiler leaves the reads out.
    this.expected = ints[bucket] | ints[bucket + LINE_INTS] | ints[bucket + BUCKET_INTS - 1]
    return bucket
  }

  /** Places for sources of this kind. Addresses and prefixes share theirs. */
  entriesFor(kind: SourceKind): number {
    return (kind === SOURCE.asn ? this.#asnBuckets : this.#otherBuckets) * ENTRIES
  }

  /**
   * Takes a place for a connection of this source, unless that is over its limits: then says which one. With
   * `takesAnyway` it is taken nevertheless, and only the answer tells; its rate then stays as a refusal would leave it.
   * `expectedAt` is what `expect` has said of it, NOT_EXPECTED without.
   */
  take(
    serviceIndex: number,
    kind: SourceKind,
    bytes: Uint8Array,
    at: number,
    family: 4 | 6,
    limits: SourceLimits,
    takesAnyway: boolean,
    nowMs: MonotonicMs,
    expectedAt = NOT_EXPECTED,
  ): number {
    this.takeNothing()
    const high = highWord(kind, bytes, at, family)
    const low = lowWord(kind, bytes, at, family)
    const owner = ownerOf(serviceIndex, kind, family)
    const bucketAt = expectedAt === NOT_EXPECTED ? this.#bucketAt(high, low, owner) : expectedAt
    if (!lockWithin(this.#ints, bucketAt + BUCKET.lock, LOCK_WAITS_MAX)) return this.#letInUntracked()
    const entry = this.#entryFor(bucketAt, high, low, owner, nowMs)
    const found = entry === -1 ? this.#letInUntracked() : this.#takeEntry(bucketAt, entry, limits, takesAnyway, nowMs)
    unlock(this.#ints, bucketAt + BUCKET.lock)
    return found
  }

  /** As a `take` that has nothing to look at. */
  takeNothing(): void {
    this.handle = NO_HANDLE
    this.hasSpent = false
  }

  /** At the end of a connection. Needs no lock: while it is open, the entry is its source's. */
  give(handle: number): void {
    if (handle === NO_HANDLE) return
    if ((Atomics.sub(this.#ints, handle, 1) & OPEN_MASK) === 1) this.#counts[WORKER.sourcesTracked] -= 1
  }

  /** For a client that a later step has refused: what it spent is given back too. */
  undo(handle: number, hasSpent: boolean, { rate }: SourceLimits): void {
    if (handle !== NO_HANDLE && hasSpent && rate !== null) {
      const bucketAt = this.#bucketOf(handle)
      if (lockWithin(this.#ints, bucketAt + BUCKET.lock, LOCK_WAITS_MAX)) {
        this.#floats[this.#fullAtOfHandle(handle)] -= rate.intervalMs
        unlock(this.#ints, bucketAt + BUCKET.lock)
      }
    }
    this.give(handle)
  }

  /**
   * Of the service itself: which of its rates one more is over, that of everybody, that of strangers in an attack, or both; 0
   * is none. A rate that is null is not asked. Where `attackRefuses`, who is over the one for an attack spends nothing. A lock
   * that is not to be had lets the client in.
   */
  takeServiceRates(
    serviceIndex: number,
    rate: RateLimit | null,
    attackRate: RateLimit | null,
    attackRefuses: boolean,
    nowMs: MonotonicMs,
  ): number {
    if (rate === null && attackRate === null) return 0
    const at = HEAD_INTS + serviceIndex * SERVICE_INTS
    if (!lockWithin(this.#ints, at, LOCK_WAITS_MAX)) {
      this.#counts[WORKER.sourcesUntracked] += 1
      return 0
    }
    let over = 0
    if (attackRate !== null && !this.#takeRate((at + SERVICE_ATTACK_FULL_AT) / 2, attackRate, nowMs)) {
      over = OVER_ATTACK_RATE
    }
    const goesOn = over === 0 || !attackRefuses
    if (rate !== null && goesOn && !this.#takeRate((at + SERVICE_FULL_AT) / 2, rate, nowMs)) over |= OVER_SERVICE_RATE
    unlock(this.#ints, at)
    return over
  }

  #takeRate(fullAt: number, rate: RateLimit, nowMs: MonotonicMs): boolean {
    const fullAtMs = this.#floats[fullAt]
    if (!isWithinRate(fullAtMs, rate, nowMs)) return false
    this.#floats[fullAt] = spend(fullAtMs, rate, nowMs)
    return true
  }

  /** Whether the stricter budgets hold at the service now; control says so. */
  areBudgetsStrict(serviceIndex: number): boolean {
    return this.#alertOf(serviceIndex) !== ALERT.none
  }

  /** Called under attack, not only treated so. */
  isUnderAttack(serviceIndex: number): boolean {
    return this.#alertOf(serviceIndex) === ALERT.attack
  }

  #alertOf(serviceIndex: number): number {
    return this.#ints[HEAD_INTS + serviceIndex * SERVICE_INTS + SERVICE_ALERT]
  }

  setAlert(serviceIndex: number, alert: Alert): void {
    Atomics.store(this.#ints, HEAD_INTS + serviceIndex * SERVICE_INTS + SERVICE_ALERT, alert)
  }

  /** Would the place that was just taken have been refused under these limits? */
  isBeyond(handle: number, hasSpent: boolean, taken: SourceLimits, limits: SourceLimits, nowMs: MonotonicMs): boolean {
    if (handle === NO_HANDLE) return false
    const { connectionsMax, rate } = limits
    if (connectionsMax > 0 && (Atomics.load(this.#ints, handle) & OPEN_MASK) > connectionsMax) return true
    const spentMs = hasSpent && taken.rate !== null ? taken.rate.intervalMs : 0
    const fullAtMs = this.#floats[this.#fullAtOfHandle(handle)] - spentMs
    return rate !== null && !isWithinRate(fullAtMs, rate, nowMs)
  }

  /** Open connections of a source now; for commands and tests. */
  openOf(serviceIndex: number, kind: SourceKind, bytes: Uint8Array, at: number, family: 4 | 6): number {
    return this.look(serviceIndex, kind, bytes, at, family, UNLIMITED, 0).open
  }

  /** What `take` would find for a source now, TAKEN for one that is not in the table; takes nothing. For commands. */
  look(
    serviceIndex: number,
    kind: SourceKind,
    bytes: Uint8Array,
    at: number,
    family: 4 | 6,
    { connectionsMax, rate }: SourceLimits,
    nowMs: MonotonicMs,
  ): { readonly open: number; readonly verdict: number } {
    const high = highWord(kind, bytes, at, family)
    const low = lowWord(kind, bytes, at, family)
    const owner = ownerOf(serviceIndex, kind, family)
    const bucketAt = this.#bucketAt(high, low, owner)
    const entry = this.#find(bucketAt, high, low, owner)
    if (entry === -1) return { open: 0, verdict: TAKEN }
    const open = Atomics.load(this.#ints, bucketAt + BUCKET.owned + entry) & OPEN_MASK
    if (connectionsMax > 0 && open >= connectionsMax) return { open, verdict: OVER_CONNECTIONS }
    const isOver = rate !== null && !isWithinRate(this.#floats[fullAtOf(bucketAt, entry)], rate, nowMs)
    return { open, verdict: isOver ? OVER_RATE : TAKEN }
  }

  #takeEntry(
    bucketAt: number,
    entry: number,
    { connectionsMax, rate }: SourceLimits,
    takesAnyway: boolean,
    nowMs: MonotonicMs,
  ): number {
    const ownedAt = bucketAt + BUCKET.owned + entry
    const open = this.#ints[ownedAt] & OPEN_MASK
    const fullAt = fullAtOf(bucketAt, entry)
    const fullAtMs = this.#floats[fullAt]
    let found = TAKEN
    // Only who holds the lock adds, so that plain reads are right: a connection that ends meanwhile may be seen or not.
    if (connectionsMax > 0 && open >= connectionsMax) found = OVER_CONNECTIONS
    else if (rate !== null && !isWithinRate(fullAtMs, rate, nowMs)) found = OVER_RATE
    if (found !== TAKEN && !takesAnyway) return found
    if (open === OPEN_MASK) this.#letInUntracked()
    else {
      if ((Atomics.add(this.#ints, ownedAt, 1) & OPEN_MASK) === 0) this.#counts[WORKER.sourcesTracked] += 1
      this.handle = ownedAt
    }
    if (found === TAKEN && rate !== null) {
      this.hasSpent = true
      this.#floats[fullAt] = spend(fullAtMs, rate, nowMs)
    }
    return found
  }

  #letInUntracked(): number {
    this.#counts[WORKER.sourcesUntracked] += 1
    return TAKEN
  }

  /** The source's own entry, or one made its own; -1 when all have open connections. */
  #entryFor(bucketAt: number, high: number, low: number, owner: number, nowMs: MonotonicMs): number {
    const found = this.#find(bucketAt, high, low, owner)
    if (found !== -1) return found
    const entry = this.#leastNeeded(bucketAt, nowMs)
    if (entry === -1) return -1
    const fullAt = fullAtOf(bucketAt, entry)
    if (this.#floats[fullAt] > nowMs) this.#counts[WORKER.sourcesForgotten] += 1
    this.#ints[bucketAt + BUCKET.high + entry] = high
    this.#ints[bucketAt + BUCKET.low + entry] = low
    this.#ints[bucketAt + BUCKET.owned + entry] = owner << OPEN_BITS
    this.#floats[fullAt] = 0
    return entry
  }

  #find(bucketAt: number, high: number, low: number, owner: number): number {
    const ints = this.#ints
    for (let entry = 0; entry < ENTRIES; entry++) {
      if (ints[bucketAt + BUCKET.high + entry] !== high) continue
      if (ints[bucketAt + BUCKET.owned + entry] >>> OPEN_BITS !== owner) continue
      if (ints[bucketAt + BUCKET.low + entry] === low) return entry
    }
    return -1
  }

  /**
   * One without open connections whose rate has recovered, of which nothing is lost, or that of which the rate has recovered
   * furthest; an unused one is at 0.
   */
  #leastNeeded(bucketAt: number, nowMs: number): number {
    let least = -1
    let leastMs = Infinity
    for (let entry = 0; entry < ENTRIES; entry++) {
      const fullAtMs = this.#floats[fullAtOf(bucketAt, entry)]
      if (fullAtMs >= leastMs) continue
      if ((this.#ints[bucketAt + BUCKET.owned + entry] & OPEN_MASK) !== 0) continue
      if (fullAtMs <= nowMs) return entry
      least = entry
      leastMs = fullAtMs
    }
    return least
  }

  /** By products with secret odd numbers. The upper bits, in which networks differ, count in the lower ones, too. */
  #bucketAt(high: number, low: number, owner: number): number {
    const hash =
      mix32(
        (Math.imul(high ^ (high >>> 16), this.#seedHigh) + Math.imul(low ^ (low >>> 16), this.#seedLow)) ^ owner,
      ) >>> 0
    if (isOfAsn(owner)) {
      return (this.#bucketsAt + (((hash / TWO_TO_32) * this.#asnBuckets) | 0) * BUCKET_INTS) | 0
    }
    return (this.#othersAt + (((hash / TWO_TO_32) * this.#otherBuckets) | 0) * BUCKET_INTS) | 0
  }

  #bucketOf(handle: number): number {
    return handle - ((handle - this.#bucketsAt) % BUCKET_INTS)
  }

  #fullAtOfHandle(handle: number): number {
    const bucketAt = this.#bucketOf(handle)
    return fullAtOf(bucketAt, handle - bucketAt - BUCKET.owned)
  }
}

/** Place among the float64. */
function fullAtOf(bucketAt: number, entry: number): number {
  return (bucketAt + BUCKET.fullAt) / 2 + entry
}
