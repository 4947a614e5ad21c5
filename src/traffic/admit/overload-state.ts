/**
 * What an overloaded node asks of its workers: eight numbers in shared memory, written by control (control/overload/) and
 * read by every worker. Each stands for itself: a reader needs no lock, and finds the old or the new one.
 */
import type { Rule } from '../tables.ts'

/** Places of the Int32Array. */
const INT = {
  level: 0,
  /** Above so many open connections clients that are not known are refused. */
  strangersMax: 1,
  /** By what deadlines are divided: 2 to this power. */
  halvings: 2,
  idleMsMin: 3,
  firstByteMsMin: 4,
  isWatched: 5,
  learns: 6,
} as const
const INTS = 16
const INT_MAX = 2 ** 31 - 1

export interface OverloadOrders {
  readonly level: number
  readonly strangersMax: number
  readonly halvings: number
  /** Deadlines are not shortened below these. */
  readonly idleMsMin: number
  readonly firstByteMsMin: number
  readonly rule: Rule
}

export function makeOverloadMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(INTS * 4)
  new Int32Array(memory)[INT.strangersMax] = INT_MAX
  return memory
}

export class OverloadState {
  readonly #ints: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#ints = new Int32Array(memory)
  }

  /** By control only. On watch nothing is refused or shortened; `off` is as if there were no rule at all. */
  order({ level, strangersMax, halvings, idleMsMin, firstByteMsMin, rule }: OverloadOrders): void {
    this.#set(INT.level, level)
    this.#set(INT.strangersMax, rule === 'off' ? INT_MAX : strangersMax)
    this.#set(INT.halvings, rule === 'on' ? halvings : 0)
    this.#set(INT.idleMsMin, idleMsMin)
    this.#set(INT.firstByteMsMin, firstByteMsMin)
    this.#set(INT.isWatched, rule === 'watch' ? 1 : 0)
    // Whoever makes an overload must not earn its way in by it.
    this.#set(INT.learns, rule !== 'off' && level === 0 ? 1 : 0)
  }

  #set(place: number, value: number): void {
    Atomics.store(this.#ints, place, Math.min(value, INT_MAX))
  }

  /** 0 is calm; 4 takes no client that is not known. */
  get level(): number {
    return Atomics.load(this.#ints, INT.level)
  }

  get strangersMax(): number {
    // A plain read, as each newcomer asks: which of two moments it sees is the same to it.
    return this.#ints[INT.strangersMax]
  }

  /** Strangers above `strangersMax` are let in and counted. */
  get isWatched(): boolean {
    return Atomics.load(this.#ints, INT.isWatched) === 1
  }

  /** Whether clients become known by useful connections that end now. */
  get learns(): boolean {
    return Atomics.load(this.#ints, INT.learns) === 1
  }

  /** What is left of an idleTimeout; 0, which is off, stays off. */
  idleMs(ms: number): number {
    return this.#shortened(ms, INT.idleMsMin)
  }

  firstByteMs(ms: number): number {
    return this.#shortened(ms, INT.firstByteMsMin)
  }

  #shortened(ms: number, leastAt: number): number {
    const halvings = Atomics.load(this.#ints, INT.halvings)
    if (halvings === 0) return ms
    return Math.max(ms / 2 ** halvings, Math.min(ms, Atomics.load(this.#ints, leastAt)))
  }
}
