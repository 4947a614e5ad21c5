/**
 * What tables of clients in shared memory have in common: buckets of whole lines of the cache with a lock each, found by
 * a hash of the address. A client is an IPv4 address, or the /64 of an IPv6 one: the words `high` and `low`, `low` being 0 for IPv4.
 *
 *   head      12 int32: seed of the hash, so that nobody outside can aim at a bucket; the others are the table's own
 *   bucket    as many int32 as the table wants: lock, the others its own
 */
import { randomInt } from 'node:crypto'
import { FIRST_LINE_AT, LINE_INTS } from './cache-line.ts'
import { mix32, word } from './client-hash.ts'

const HEAD_INTS = FIRST_LINE_AT
const SEED = 0
/** A holder writes a few numbers; who waits for longer than this goes on without the table. */
const LOCK_TRIES_MAX = 1000
const TWO_TO_32 = 2 ** 32

/** For so many clients where `clientsPerBucket` of them share one on average; zero pages until they are used. */
export function makeClientBuckets(clientsMax: number, clientsPerBucket: number, bucketInts: number): SharedArrayBuffer {
  const buckets = Math.ceil(clientsMax / clientsPerBucket)
  const memory = new SharedArrayBuffer((HEAD_INTS + buckets * bucketInts) * 4)
  new Int32Array(memory)[SEED] = randomInt(TWO_TO_32) | 0
  return memory
}

/** One thread's view. */
export class ClientBuckets {
  protected readonly ints: Int32Array
  // With numbers from the start, as in the table of sources.
  readonly #bucketInts: number = 0
  readonly #buckets: number = 0
  /** Means nothing. */
  protected touched = 0

  /** `bucketInts` is what the memory was made with. */
  constructor(memory: SharedArrayBuffer, bucketInts: number) {
    this.ints = new Int32Array(memory)
    this.#bucketInts = bucketInts
    this.#buckets = (this.ints.length - HEAD_INTS) / bucketInts
  }

  protected bucketAt(high: number, low: number, family: 4 | 6): number {
    const hash = mix32(mix32(high ^ this.ints[SEED]) ^ low ^ family) >>> 0
    return HEAD_INTS + Math.floor((hash / TWO_TO_32) * this.#buckets) * this.#bucketInts
  }

  /** Begins to read a whole bucket, for who looks at it in a moment. */
  protected touch(bucketAt: number): void {
    let all = 0
    for (let at = bucketAt; at < bucketAt + this.#bucketInts; at += LINE_INTS) all |= this.ints[at]
    // Kept, so that no compiler leaves the reads out.
    this.touched = all
  }

  /** Where the bucket after this one begins; -1 after the last. Undefined begins. */
  protected nextBucketAt(bucketAt?: number): number {
    const at = bucketAt === undefined ? HEAD_INTS : bucketAt + this.#bucketInts
    return at < this.ints.length ? at : -1
  }

  protected lock(bucketAt: number): boolean {
    for (let i = 0; i < LOCK_TRIES_MAX; i++) {
      if (Atomics.compareExchange(this.ints, bucketAt, 0, 1) === 0) return true
    }
    return false
  }

  protected unlock(bucketAt: number): void {
    Atomics.store(this.ints, bucketAt, 0)
  }
}

export function lowWord(bytes: Uint8Array, at: number, family: 4 | 6): number {
  return family === 6 ? word(bytes, at + 4) : 0
}

export function familyBit(family: 4 | 6): number {
  return family === 6 ? 1 : 0
}
