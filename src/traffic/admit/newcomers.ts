/**
 * Who has come, let in or not, from one worker to control through shared memory: one writer, one reader, no lock, no
 * allocation. Control counts distinct sources and the busiest of them. When it is behind and the ring is full, clients
 * are left out: the counter `newcomers` has them all, so control knows how large a part it has seen.
 *
 *   header (Int32):     0 written | 1 read                  (modulo 2^32)
 *   newcomers (Int32):  service index × 4 + 2 where refused + 1 where IPv6 | high word | low word of the /64 | nothing
 */
import { word } from '../../lib/client-hash.ts'

const HEADER_BYTES = 64
const NEWCOMER_INTS = 4
const WRITTEN = 0
const READ = 1
const REFUSED = 2
const IS_IPV6 = 1

/** Shared memory for a ring of 2^`powerOfTwo` newcomers. */
export function newcomerRingBytes(powerOfTwo: number): number {
  return HEADER_BYTES + 2 ** powerOfTwo * NEWCOMER_INTS * 4
}

/** `low` is 0 for IPv4. */
export type TakeNewcomer = (serviceIndex: number, family: 4 | 6, high: number, low: number, isRefused: boolean) => void

class NewcomerRing {
  protected readonly header: Int32Array
  protected readonly ints: Int32Array
  protected readonly mask: number

  /** `memory` is as long as `newcomerRingBytes` says. */
  constructor(memory: SharedArrayBuffer) {
    this.header = new Int32Array(memory, 0, 2)
    this.ints = new Int32Array(memory, HEADER_BYTES)
    this.mask = this.ints.length / NEWCOMER_INTS - 1
  }
}

export class NewcomersWriter extends NewcomerRing {
  /** The reader's position when it was looked at last: it is at least there. */
  #read = Atomics.load(this.header, READ)

  write(serviceIndex: number, bytes: Uint8Array, at: number, family: 4 | 6, isRefused: boolean): void {
    const written = this.header[WRITTEN]
    // As a difference modulo 2^32: both positions grow for ever.
    if (((written - this.#read) | 0) > this.mask) {
      this.#read = Atomics.load(this.header, READ)
      if (((written - this.#read) | 0) > this.mask) return
    }
    const i = (written & this.mask) * NEWCOMER_INTS
    this.ints[i] = (serviceIndex << 2) | (isRefused ? REFUSED : 0) | (family === 6 ? IS_IPV6 : 0)
    this.ints[i + 1] = word(bytes, at)
    this.ints[i + 2] = family === 6 ? word(bytes, at + 4) : 0
    Atomics.store(this.header, WRITTEN, written + 1)
  }
}

export class NewcomersReader extends NewcomerRing {
  /** Hands up to `newcomersMax` to `take`, oldest first; returns how many. */
  read(newcomersMax: number, take: TakeNewcomer): number {
    const written = Atomics.load(this.header, WRITTEN)
    let read = this.header[READ]
    let newcomers = 0
    for (; read !== written && newcomers < newcomersMax; newcomers++) {
      const i = (read & this.mask) * NEWCOMER_INTS
      const what = this.ints[i]
      take(what >> 2, (what & IS_IPV6) === 0 ? 4 : 6, this.ints[i + 1], this.ints[i + 2], (what & REFUSED) !== 0)
      read = (read + 1) | 0
    }
    Atomics.store(this.header, READ, read)
    return newcomers
  }
}
