/**
 * Who was a useful client before: over all workers, in one piece of shared memory of fixed size. Asked at admission when
 * there is no room for strangers, written when a useful connection ends, the oldest forgotten first. A client is an
 * address (of IPv6 the /64), kept whole: nobody is known for what another did.
 *
 *   head      16 int32: that of client-buckets.ts; clients known
 *   bucket    32 int32: lock, 10 entries of 3, 1 unused
 *   entry     the client's address: 32 bits and 0, or the 64 bits of the /64; when it was last useful, in seconds, and its
 *             family; 0 is a free entry
 */
import { ClientBuckets, familyBit, lowWord, makeClientBuckets } from '../../lib/client-buckets.ts'
import { word } from '../../lib/client-hash.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import type { MonotonicMs } from '../node-wide.ts'

const BUCKET_INTS = 32
const HEAD = { clients: 1 } as const
const ENTRY_INTS = 3
const ENTRIES = 10
/** Of the 10: with so many on average, clients share out so unevenly that few buckets overflow. */
const ENTRIES_COUNTED = 4
const ENTRY = { high: 0, low: 1, seen: 2 } as const
/** An address may be another's after a while. */
export const KNOWN_FOR_MS = 7 * 24 * 60 * 60_000
/** Of the clock of an entry, so that one of before the machine's last start has a place in it as well. */
const CLOCK_STARTS_S = -KNOWN_FOR_MS / 1000
/** One that was useful within this time is not written again. */
const REFRESH_S = 60

/** A client that only looked in (a banner, a handshake) is none that is missed: it moved so much, or stayed so long. */
export const USEFUL_BYTES_MIN = 1024
export const USEFUL_MS_MIN = 10_000

/** An orderly end, bytes both ways, and not only a look in. */
export function isUseful(reasonCode: number, bytesToUpstream: number, bytesToClient: number, ms: number): boolean {
  if (reasonCode !== CLOSE_REASON_CODES['client-closed'] && reasonCode !== CLOSE_REASON_CODES['upstream-closed']) {
    return false
  }
  if (bytesToUpstream === 0 || bytesToClient === 0) return false
  return bytesToUpstream + bytesToClient >= USEFUL_BYTES_MIN || ms >= USEFUL_MS_MIN
}

/** 32 bytes for each client and 48 more, as zero pages until they are used. */
export function makeKnownClientsMemory(clientsMax: number): SharedArrayBuffer {
  return makeClientBuckets(clientsMax, ENTRIES_COUNTED, BUCKET_INTS)
}

export interface KnownClient {
  /** The first 32 bits of its address, and of IPv6 the second. */
  readonly high: number
  readonly low: number
  readonly family: 4 | 6
  /** Since it was last useful. */
  readonly ageMs: number
}

/** One thread's view. */
export class KnownClients extends ClientBuckets {
  constructor(memory: SharedArrayBuffer) {
    super(memory, BUCKET_INTS)
  }

  /** Entries in use, those among them that are too old to count. */
  get count(): number {
    return Atomics.load(this.ints, HEAD.clients)
  }

  /** Begins to read what `has` will look at. */
  expect(bytes: Uint8Array, at: number, family: 4 | 6): void {
    this.touch(this.bucketAt(word(bytes, at), lowWord(bytes, at, family), family))
  }

  /** A lock that is not to be had makes a stranger of the client. */
  has(bytes: Uint8Array, at: number, family: 4 | 6, nowMs: MonotonicMs): boolean {
    const high = word(bytes, at)
    const low = lowWord(bytes, at, family)
    const bucketAt = this.bucketAt(high, low, family)
    // Without the lock: nearly all who come in a flood are strangers, and entries never move.
    if (this.#entryOf(bucketAt, high, low, family) === -1 || !this.lock(bucketAt)) return false
    const entryAt = this.#entryOf(bucketAt, high, low, family)
    const isKnown = entryAt !== -1 && nowMs - secondsOf(this.ints[entryAt + ENTRY.seen]) * 1000 <= KNOWN_FOR_MS
    this.unlock(bucketAt)
    return isKnown
  }

  /** The client was useful just now. */
  add(bytes: Uint8Array, at: number, family: 4 | 6, nowMs: MonotonicMs): void {
    const ints = this.ints
    const high = word(bytes, at)
    const low = lowWord(bytes, at, family)
    const bucketAt = this.bucketAt(high, low, family)
    const seen = seenAt(nowMs, family)
    // Without the lock: that it is there and fresh is all that is asked, and a busy client's bucket is not fought for.
    const freshAt = this.#entryOf(bucketAt, high, low, family)
    if (freshAt !== -1 && seen - ints[freshAt + ENTRY.seen] < REFRESH_S * 2) return
    if (!this.lock(bucketAt)) return
    let entryAt = this.#entryOf(bucketAt, high, low, family)
    if (entryAt === -1) {
      entryAt = this.#oldest(bucketAt)
      if (ints[entryAt + ENTRY.seen] === 0) Atomics.add(ints, HEAD.clients, 1)
      ints[entryAt + ENTRY.high] = high
      ints[entryAt + ENTRY.low] = low
    }
    ints[entryAt + ENTRY.seen] = seen
    this.unlock(bucketAt)
  }

  /** A client of before: `ageMs` ago it was useful. It makes room for none that was useful later. */
  restore(high: number, low: number, family: 4 | 6, ageMs: number, nowMs: MonotonicMs): void {
    if (ageMs >= KNOWN_FOR_MS) return
    const ints = this.ints
    const seen = seenAt(nowMs - Math.max(0, ageMs), family)
    const bucketAt = this.bucketAt(high, low, family)
    if (!this.lock(bucketAt)) return
    const knownAt = this.#entryOf(bucketAt, high, low, family)
    const entryAt = knownAt === -1 ? this.#oldest(bucketAt) : knownAt
    if (ints[entryAt + ENTRY.seen] < seen) {
      if (ints[entryAt + ENTRY.seen] === 0) Atomics.add(ints, HEAD.clients, 1)
      ints[entryAt + ENTRY.high] = high
      ints[entryAt + ENTRY.low] = low
      ints[entryAt + ENTRY.seen] = seen
    }
    this.unlock(bucketAt)
  }

  /** Everybody who is known now, in no order. A bucket at a time, so that workers wait for nothing that is long. */
  *all(nowMs: MonotonicMs): Generator<KnownClient> {
    for (let at = this.nextBucketAt(); at !== -1; at = this.nextBucketAt(at)) yield* this.#knownIn(at, nowMs)
  }

  #knownIn(bucketAt: number, nowMs: MonotonicMs): KnownClient[] {
    const ints = this.ints
    const found: KnownClient[] = []
    if (ints[bucketAt + 1 + ENTRY.seen] === 0 || !this.lock(bucketAt)) return found
    for (let i = 0; i < ENTRIES; i++) {
      const at = bucketAt + 1 + i * ENTRY_INTS
      const seen = ints[at + ENTRY.seen]
      if (seen === 0) break
      const ageMs = Math.max(0, nowMs - secondsOf(seen) * 1000)
      if (ageMs >= KNOWN_FOR_MS) continue
      found.push({ high: ints[at + ENTRY.high], low: ints[at + ENTRY.low], family: (seen & 1) === 1 ? 6 : 4, ageMs })
    }
    this.unlock(bucketAt)
    return found
  }

  #entryOf(bucketAt: number, high: number, low: number, family: 4 | 6): number {
    const ints = this.ints
    for (let i = 0; i < ENTRIES; i++) {
      const at = bucketAt + 1 + i * ENTRY_INTS
      const seen = ints[at + ENTRY.seen]
      if (seen === 0) return -1
      if (ints[at + ENTRY.high] !== high || ints[at + ENTRY.low] !== low) continue
      if ((seen & 1) === familyBit(family)) return at
    }
    return -1
  }

  /** A free entry, which is 0, or the one that was useful longest ago. */
  #oldest(bucketAt: number): number {
    const ints = this.ints
    let oldestAt = bucketAt + 1
    for (let i = 1; i < ENTRIES; i++) {
      const at = bucketAt + 1 + i * ENTRY_INTS
      if (ints[at + ENTRY.seen] < ints[oldestAt + ENTRY.seen]) oldestAt = at
    }
    return oldestAt
  }
}

/** Never 0, and the greater the later. 2^30 s are 34 years. */
function seenAt(nowMs: MonotonicMs, family: 4 | 6): number {
  return ((Math.floor(nowMs / 1000) - CLOCK_STARTS_S + 1) << 1) | familyBit(family)
}

function secondsOf(seen: number): number {
  return (seen >> 1) + CLOCK_STARTS_S - 1
}
