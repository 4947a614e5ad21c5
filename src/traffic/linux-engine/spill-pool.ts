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
  readonly slab: Slab
  start = 0
  end = 0

  constructor(bytes: Uint8Array, slab: Slab) {
    this.bytes = bytes
    this.at = addressOf(bytes)
    this.slab = slab
  }
}

/** Memory cut into chunks of one size; cut anew, perhaps for another size, once all of them are back. */
class Slab {
  readonly memory = lowBytes(SLAB_BYTES)
  sizeClass = 0
  chunks = 0
  readonly free: Spill[] = []

  /** All chunks are back. Cut to this size already, it stays as it is: a lone spill now and then costs no new chunks. */
  cut(sizeClass: number): void {
    if (this.chunks > 0 && this.sizeClass === sizeClass) return
    const size = CHUNK_BYTES[sizeClass]
    this.sizeClass = sizeClass
    this.chunks = SLAB_BYTES / size
    this.free.length = 0
    for (let at = 0; at < SLAB_BYTES; at += size) this.free.push(new Spill(this.memory.subarray(at, at + size), this))
  }
}

export class SpillPool {
  /** By size: the slabs that have a chunk free and one lent. */
  readonly #partlyFree: Slab[][] = CHUNK_BYTES.map(() => [])
  readonly #blank: Slab[] = []
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
    return this.#partlyFree[CHUNK_BYTES.length - 1].length > 0 || this.#blank.length > 0 || this.#mayGrow
  }

  /** True when so many chunks can be had that a whole batch of reads (a slab's worth of 16 KiB) may have to wait, cut as they may be. */
  canHoldMany(): boolean {
    return this.#blank.length + Math.floor((this.#bytesMax - this.#bytesReserved) / SLAB_BYTES) >= CHUNK_BYTES.length
  }

  get #mayGrow(): boolean {
    return this.#bytesReserved + SLAB_BYTES <= this.#bytesMax
  }

  /** A chunk of at least `bytes`, which `canHold` has promised; undefined when the limit is reached. */
  take(bytes: number): Spill | undefined {
    for (let sizeClass = 0; sizeClass < CHUNK_BYTES.length; sizeClass++) {
      if (bytes > CHUNK_BYTES[sizeClass]) continue
      const spill = this.#takeFrom(sizeClass)
      if (spill !== undefined) return spill
    }
    return undefined
  }

  #takeFrom(sizeClass: number): Spill | undefined {
    const slabs = this.#partlyFree[sizeClass]
    if (slabs.length === 0) {
      const fresh = this.#takeBlank(sizeClass) ?? this.#grow()
      if (fresh === undefined) return undefined
      fresh.cut(sizeClass)
      slabs.push(fresh)
    }
    const slab = slabs[slabs.length - 1]
    const spill = slab.free.pop()
    if (slab.free.length === 0) slabs.pop()
    return spill
  }

  /** One of the right size, if there is one. */
  #takeBlank(sizeClass: number): Slab | undefined {
    const at = this.#blank.findIndex((slab) => slab.sizeClass === sizeClass)
    return at === -1 ? this.#blank.pop() : this.#blank.splice(at, 1)[0]
  }

  #grow(): Slab | undefined {
    if (!this.#mayGrow) return undefined
    this.#bytesReserved += SLAB_BYTES
    return new Slab()
  }

  giveBack(spill: Spill): void {
    const { slab } = spill
    const slabs = this.#partlyFree[slab.sizeClass]
    spill.start = 0
    spill.end = 0
    slab.free.push(spill)
    if (slab.free.length === 1) slabs.push(slab)
    if (slab.free.length < slab.chunks) return
    // At most bytesMax / SLAB_BYTES slabs are searched.
    slabs.splice(slabs.indexOf(slab), 1)
    this.#blank.push(slab)
  }
}
