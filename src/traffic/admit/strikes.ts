/**
 * Who misbehaved, from one worker to control through shared memory: one writer, one reader, no lock, no allocation in
 * the worker. Control makes bans of it. When control is behind and the ring is full, strikes are dropped and counted:
 * a flood of strikes may never hold up traffic, and who goes on misbehaving is struck again.
 *
 *   header (Int32):  0 written | 1 read                  (modulo 2^32)
 *   strikes (Int32): service index | kind | family | nothing | 16 bytes of address
 */
import { SERVICE, SERVICE_STRIDE, WORKER } from '../counters.ts'
import type { Counters } from '../counters.ts'
import { STRIKE_NAMES } from './strike-kinds.ts'
import type { StrikeKind } from './strike-kinds.ts'

export { STRIKE_CODES, STRIKE_NAMES, STRIKES, type StrikeKind } from './strike-kinds.ts'

/** What the reader hands out: one object for all strikes, filled anew for each. */
export interface Strike {
  readonly serviceIndex: number
  readonly kind: StrikeKind
  readonly family: 4 | 6
  /** 4 or 16 bytes count, by `family`; to be copied by who keeps it. */
  readonly address: Uint8Array
}

const HEADER_BYTES = 64
const STRIKE_BYTES = 32
const STRIKE_INTS = STRIKE_BYTES / 4
const ADDRESS_BYTES = 16
/** In the strike, after four integers. */
const ADDRESS_AT = 16

const WRITTEN = 0
const READ = 1

/** Shared memory for a ring of 2^`powerOfTwo` strikes. */
export function strikeRingBytes(powerOfTwo: number): number {
  return HEADER_BYTES + 2 ** powerOfTwo * STRIKE_BYTES
}

class StrikeRing {
  protected readonly header: Int32Array
  protected readonly ints: Int32Array
  protected readonly bytes: Uint8Array
  protected readonly mask: number

  /** `memory` is as long as `strikeRingBytes` says. */
  constructor(memory: SharedArrayBuffer) {
    this.header = new Int32Array(memory, 0, 2)
    this.ints = new Int32Array(memory, HEADER_BYTES)
    this.bytes = new Uint8Array(memory, HEADER_BYTES)
    this.mask = this.bytes.length / STRIKE_BYTES - 1
  }
}

export class StrikesWriter extends StrikeRing {
  readonly #counters: Counters

  constructor(memory: SharedArrayBuffer, counters: Counters) {
    super(memory)
    this.#counters = counters
  }

  /** `kind` is one of STRIKE_CODES; the address begins at `bytes[at]`. A full ring drops the strike; both are counted. */
  write(serviceIndex: number, kind: number, bytes: Uint8Array, at: number, family: 4 | 6): void {
    this.#counters.services[serviceIndex * SERVICE_STRIDE + SERVICE.strikes + kind] += 1
    const written = this.header[WRITTEN]
    // As a difference modulo 2^32: both positions grow for ever.
    if (((written - Atomics.load(this.header, READ)) | 0) > this.mask) {
      this.#counters.worker[WORKER.strikesDropped] += 1
      return
    }
    const strikeAt = written & this.mask
    const i = strikeAt * STRIKE_INTS
    this.ints[i] = serviceIndex
    this.ints[i + 1] = kind
    this.ints[i + 2] = family
    const to = strikeAt * STRIKE_BYTES + ADDRESS_AT
    const addressBytes = family === 4 ? 4 : ADDRESS_BYTES
    for (let b = 0; b < addressBytes; b++) this.bytes[to + b] = bytes[at + b]
    Atomics.store(this.header, WRITTEN, written + 1)
  }
}

export class StrikesReader extends StrikeRing {
  readonly #strike: { -readonly [Key in keyof Strike]: Strike[Key] } = {
    serviceIndex: 0,
    kind: 'unused',
    family: 4,
    address: new Uint8Array(ADDRESS_BYTES),
  }

  /** Hands up to `strikesMax` strikes to `take`, oldest first; returns how many. The strike is only good during the call. */
  read(strikesMax: number, take: (strike: Strike) => void): number {
    const written = Atomics.load(this.header, WRITTEN)
    let read = this.header[READ]
    let strikes = 0
    for (; read !== written && strikes < strikesMax; strikes++) {
      take(this.#strikeAt(read & this.mask))
      read = (read + 1) | 0
    }
    Atomics.store(this.header, READ, read)
    return strikes
  }

  #strikeAt(strikeAt: number): Strike {
    const strike = this.#strike
    const i = strikeAt * STRIKE_INTS
    strike.serviceIndex = this.ints[i]
    strike.kind = STRIKE_NAMES[this.ints[i + 1]]
    strike.family = this.ints[i + 2] === 6 ? 6 : 4
    const from = strikeAt * STRIKE_BYTES + ADDRESS_AT
    for (let b = 0; b < ADDRESS_BYTES; b++) strike.address[b] = strike.family === 6 || b < 4 ? this.bytes[from + b] : 0
    return strike
  }
}
