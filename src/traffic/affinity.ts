/**
 * `affinity`: which candidate a client was last connected to, for a time. Asked before a choice, written when a connect
 * succeeds; right across workers. One table for each service, in shared memory that its tables carry.
 *
 *   head     16 int32: that of client-buckets.ts; clients forgotten too early; unused
 *   bucket   64 int32: lock, 15 entries of 4, 3 unused
 *   entry    the client's address: 32 bits and 0, or the 64 bits of the /64; candidate; end of its time
 */
import { ClientBuckets, familyBit, lowWord, makeClientBuckets } from '../lib/client-buckets.ts'
import { word } from '../lib/client-hash.ts'
import type { MonotonicMs } from './node-wide.ts'
import type { Service } from './tables.ts'

const BUCKET_INTS = 64
/** Int32 places of the head. */
const HEAD = { forgotten: 1 } as const
const ENTRY_INTS = 4
const ENTRIES = 15
/** Of the 15: with so many on average, clients share out so unevenly that few buckets overflow. */
const ENTRIES_COUNTED = 8
/** Int32 places of an entry. */
const ENTRY = { high: 0, low: 1, owner: 2, ends: 3 } as const
/** Unit of the end. It wraps around every 497 days, so that only differences are looked at. */
const ENDS_UNIT_MS = 10
/** 32 bytes for each client and 48 more, as zero pages until they are used. */
export function makeAffinityMemory(clientsMax: number): SharedArrayBuffer {
  return makeClientBuckets(clientsMax, ENTRIES_COUNTED, BUCKET_INTS)
}

/** How many clients were forgotten before their time, since the table is there; wraps around at 2^32. */
export function clientsForgotten(memory: SharedArrayBuffer): number {
  return new Int32Array(memory)[HEAD.forgotten] >>> 0
}

/** One worker's view of the tables of all services. */
export class Affinity {
  readonly #tableByService = new WeakMap<Service, AffinityTable>()

  /** The place in `service.candidates` where this client was; -1 when it is not known, or that candidate is gone. */
  placeOf(service: Service, bytes: Uint8Array, at: number, family: 4 | 6, nowMs: MonotonicMs): number {
    if (service.affinity === null) return -1
    const addressIndex = this.#tableOf(service, service.affinity.memory).find(bytes, at, family, nowMs)
    if (addressIndex === -1) return -1
    const { candidates } = service
    for (let place = 0; place < candidates.length; place++) {
      if (candidates[place].addressIndex === addressIndex) return place
    }
    return -1
  }

  /** The client is now connected to that candidate, and its time begins anew. */
  remember(
    service: Service,
    bytes: Uint8Array,
    at: number,
    family: 4 | 6,
    addressIndex: number,
    nowMs: MonotonicMs,
  ): void {
    if (service.affinity === null) return
    const { memory, ttlMs } = service.affinity
    this.#tableOf(service, memory).remember(bytes, at, family, addressIndex, nowMs, ttlMs)
  }

  #tableOf(service: Service, memory: SharedArrayBuffer): AffinityTable {
    let table = this.#tableByService.get(service)
    if (table === undefined) {
      table = new AffinityTable(memory)
      this.#tableByService.set(service, table)
    }
    return table
  }
}

export class AffinityTable extends ClientBuckets {
  constructor(memory: SharedArrayBuffer) {
    super(memory, BUCKET_INTS)
  }

  /** The candidate's addressIndex, or -1. */
  find(bytes: Uint8Array, at: number, family: 4 | 6, nowMs: MonotonicMs): number {
    const high = word(bytes, at)
    const low = lowWord(bytes, at, family)
    const bucketAt = this.bucketAt(high, low, family)
    if (!this.lock(bucketAt)) return -1
    const entryAt = this.#entryOf(bucketAt, high, low, family)
    const owner = entryAt === -1 || this.#hasEnded(entryAt, nowMs) ? 0 : this.ints[entryAt + ENTRY.owner]
    this.unlock(bucketAt)
    return (owner >>> 1) - 1
  }

  remember(
    bytes: Uint8Array,
    at: number,
    family: 4 | 6,
    addressIndex: number,
    nowMs: MonotonicMs,
    ttlMs: number,
  ): void {
    const ints = this.ints
    const high = word(bytes, at)
    const low = lowWord(bytes, at, family)
    const bucketAt = this.bucketAt(high, low, family)
    if (!this.lock(bucketAt)) return
    let entryAt = this.#entryOf(bucketAt, high, low, family)
    if (entryAt === -1) {
      entryAt = this.#soonestToEnd(bucketAt)
      const isForgotten = ints[entryAt + ENTRY.owner] !== 0 && !this.#hasEnded(entryAt, nowMs)
      if (isForgotten) Atomics.add(ints, HEAD.forgotten, 1)
    }
    ints[entryAt + ENTRY.high] = high
    ints[entryAt + ENTRY.low] = low
    ints[entryAt + ENTRY.owner] = ((addressIndex + 1) << 1) | familyBit(family)
    ints[entryAt + ENTRY.ends] = Math.ceil((nowMs + ttlMs) / ENDS_UNIT_MS) | 0
    this.unlock(bucketAt)
  }

  #entryOf(bucketAt: number, high: number, low: number, family: 4 | 6): number {
    const ints = this.ints
    for (let i = 0; i < ENTRIES; i++) {
      const at = bucketAt + 1 + i * ENTRY_INTS
      const owner = ints[at + ENTRY.owner]
      if (owner === 0) return -1
      if (ints[at + ENTRY.high] !== high || ints[at + ENTRY.low] !== low) continue
      if ((owner & 1) === familyBit(family)) return at
    }
    return -1
  }

  /** A free entry, or else the one whose client would be forgotten first. */
  #soonestToEnd(bucketAt: number): number {
    const ints = this.ints
    let soonestAt = bucketAt + 1
    for (let i = 0; i < ENTRIES; i++) {
      const at = bucketAt + 1 + i * ENTRY_INTS
      if (ints[at + ENTRY.owner] === 0) return at
      if (((ints[at + ENTRY.ends] - ints[soonestAt + ENTRY.ends]) | 0) < 0) soonestAt = at
    }
    return soonestAt
  }

  #hasEnded(entryAt: number, nowMs: MonotonicMs): boolean {
    return ((this.ints[entryAt + ENTRY.ends] - Math.floor(nowMs / ENDS_UNIT_MS)) | 0) <= 0
  }
}
