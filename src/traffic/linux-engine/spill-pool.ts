/**
 * Memory for bytes that were read and that the receiver does not take yet. One chunk at most per half; chunks come from
 * slabs that are shared by all connections of a worker and bounded as a whole.
 */
import { addressOf } from '../../kernel/libc.ts'
import type { Address } from '../../kernel/libc.ts'
import { lowBytes } from '../../kernel/low-memory.ts'

/** The most one direction of a connection holds in user space: one read. */
export const SPILL_BYTES_MAX = 64 * 1024
const CHUNK_BYTES = [4 * 1024, 16 * 1024, SPILL_BYTES_MAX] as const
const SLAB_BYTES = 1024 * 1024

/** A chunk that is lent to a half: the bytes from `start` to `end` wait to be sent. */
export class Spill {
  readonly bytes: Uint8Array
  readonly at: Address
  readonly sizeClass: number
  start = 0
  end = 0

  constructor(bytes: Uint8Array, sizeClass: number) {
    this.bytes = bytes
    this.at = addressOf(bytes)
    this.sizeClass = sizeClass
  }
}

export class SpillPool {
  readonly #free: Spill[][] = CHUNK_BYTES.map(() => [])
  readonly #bytesMax: number
  #bytesReserved = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes of all slabs, lent or not. */
  get bytesReserved(): number {
    return this.#bytesReserved
  }

  /** True when a chunk of `SPILL_BYTES_MAX` can be had; asked before a read whose bytes might have to wait. */
  canHold(): boolean {
    return this.#free[CHUNK_BYTES.length - 1].length > 0 || this.#bytesReserved + SLAB_BYTES <= this.#bytesMax
  }

  /** A chunk of at least `bytes`, which `canHold` has promised; undefined when the limit is reached. */
  take(bytes: number): Spill | undefined {
    for (let sizeClass = 0; sizeClass < CHUNK_BYTES.length; sizeClass++) {
      if (bytes > CHUNK_BYTES[sizeClass]) continue
      const spill = this.#free[sizeClass].pop()
      if (spill !== undefined) return spill
      if (this.#bytesReserved + SLAB_BYTES <= this.#bytesMax) return this.#takeFromNewSlab(sizeClass)
    }
    return undefined
  }

  #takeFromNewSlab(sizeClass: number): Spill {
    const slab = lowBytes(SLAB_BYTES)
    const size = CHUNK_BYTES[sizeClass]
    this.#bytesReserved += SLAB_BYTES
    for (let at = 0; at < SLAB_BYTES; at += size) {
      this.#free[sizeClass].push(new Spill(slab.subarray(at, at + size), sizeClass))
    }
    return this.#free[sizeClass].pop() as Spill
  }

  giveBack(spill: Spill): void {
    spill.start = 0
    spill.end = 0
    this.#free[spill.sizeClass].push(spill)
  }
}
