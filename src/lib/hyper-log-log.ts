/**
 * How many different things were seen, in 1 KiB whatever their number: HyperLogLog [Flajolet et al. 2007] with 1,024
 * registers, whose standard error is 3.3 %. Small numbers are counted by the empty registers [linear counting].
 */
const INDEX_BITS = 10
const REGISTERS = 2 ** INDEX_BITS
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)
/** Below it empty registers say more. */
const SMALL_MAX = 2.5 * REGISTERS

/** 2 ** -rank: a rank is the place of a bit in the 22 bits that are left, or the one behind the last. */
const PART_OF_RANK = Float64Array.from({ length: 32 - INDEX_BITS + 2 }, (_, rank) => 2 ** -rank)

export class HyperLogLog {
  readonly #registers = new Uint8Array(REGISTERS)
  /** Most services are quiet most of the time: what is empty costs nothing. */
  #isEmpty = true

  /** `hash` is 32 bits, evenly spread: numbers beyond some 100 million are told too low. */
  add(hash: number): void {
    const register = hash >>> (32 - INDEX_BITS)
    // The bit behind the last one bounds the rank.
    const rank = Math.clz32((hash << INDEX_BITS) | (1 << (INDEX_BITS - 1))) + 1
    if (rank > this.#registers[register]) this.#registers[register] = rank
    this.#isEmpty = false
  }

  /** What either has seen. */
  merge(other: HyperLogLog): void {
    if (other.#isEmpty) return
    this.#isEmpty = false
    const others = other.#registers
    for (let i = 0; i < REGISTERS; i++) if (others[i] > this.#registers[i]) this.#registers[i] = others[i]
  }

  clear(): void {
    if (this.#isEmpty) return
    this.#isEmpty = true
    this.#registers.fill(0)
  }

  get count(): number {
    if (this.#isEmpty) return 0
    let sum = 0
    let empty = 0
    for (let i = 0; i < REGISTERS; i++) {
      sum += PART_OF_RANK[this.#registers[i]]
      if (this.#registers[i] === 0) empty++
    }
    const estimate = (ALPHA * REGISTERS * REGISTERS) / sum
    const isSmall = estimate <= SMALL_MAX && empty > 0
    return Math.round(isSmall ? REGISTERS * Math.log(REGISTERS / empty) : estimate)
  }
}
