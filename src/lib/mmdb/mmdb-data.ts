/**
 * The data section of a MaxMind DB: values are found by their keys, and nothing is decoded that nobody asked for.
 * [MaxMind DB 2.0, "Output Data Section"]
 *
 * A decoder that makes whole values would follow every pointer: thirty maps, each with two pointers to the next, are a
 * billion maps. Here a pointer that nobody asked for is stepped over, and every step is paid from one budget for the file.
 */

/** The file is none of this format, or damaged; the message goes on from the file's name. */
export class MmdbError extends Error {
  override readonly name = 'MmdbError'
}

const TYPE = {
  extended: 0,
  pointer: 1,
  text: 2,
  double: 3,
  bytes: 4,
  uint16: 5,
  uint32: 6,
  map: 7,
  int32: 8,
  uint64: 9,
  uint128: 10,
  array: 11,
  boolean: 14,
  float: 15,
} as const
const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(TYPE))

/** What is added to a pointer of each size: shorter ones point to nearer places. */
const POINTER_OFFSETS = [0, 2048, 526_336, 0] as const
/** Numbers above it are not exact. */
const UINT_BYTES_MAX = 6
export const NOT_FOUND = -1

export class MmdbData {
  readonly #bytes: Buffer
  /** What pointers count from. */
  readonly #start: number
  readonly #end: number
  #stepsLeft: number
  // Of the value that `#look` has looked at.
  #type = 0
  #size = 0
  #target = 0
  /** Where its content begins; behind a pointer, what comes next. */
  #contentAt = 0

  constructor(bytes: Buffer, start: number, end: number, stepsMax: number) {
    this.#bytes = bytes
    this.#start = start
    this.#end = end
    this.#stepsLeft = stepsMax
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  /** Where the value of a map's key is, or NOT_FOUND, also where `at` is no map. Throws MmdbError. */
  find(at: number, key: string): number {
    if (this.#lookBehindPointer(at) !== TYPE.map) return NOT_FOUND
    const count = this.#size
    let keyAt = this.#contentAt
    for (let i = 0; i < count; i++) {
      // Keys that many maps share are often pointers.
      const isPointer = this.#look(keyAt) === TYPE.pointer
      const valueAt = this.#next()
      if (isPointer) this.#look(this.#target)
      if (this.#type !== TYPE.text) throw new MmdbError('is damaged: a key is not text')
      if (this.#isText(key)) return valueAt
      keyAt = this.#skip(valueAt)
    }
    return NOT_FOUND
  }

  /** Undefined where it is no text, or a longer one. Throws MmdbError. */
  text(at: number, bytesMax: number): string | undefined {
    if (this.#lookBehindPointer(at) !== TYPE.text || this.#size > bytesMax) return undefined
    return this.#bytes.toString('utf8', this.#contentAt, this.#contentAt + this.#size)
  }

  /** Undefined where it is no unsigned number, or one too large to be exact. Throws MmdbError. */
  uint(at: number): number | undefined {
    const type = this.#lookBehindPointer(at)
    const isUint = type === TYPE.uint16 || type === TYPE.uint32 || type === TYPE.uint64
    if (!isUint || this.#size > UINT_BYTES_MAX) return undefined
    return this.#size === 0 ? 0 : this.#bytes.readUIntBE(this.#contentAt, this.#size)
  }

  #isText(wanted: string): boolean {
    if (this.#size !== wanted.length) return false
    // Wanted keys are ASCII.
    for (let i = 0; i < wanted.length; i++) {
      if (this.#bytes[this.#contentAt + i] !== wanted.charCodeAt(i)) return false
    }
    return true
  }

  /** The place after a value and everything in it; pointers are not followed. */
  #skip(from: number): number {
    let at = from
    for (let left = 1; left > 0; left--) {
      this.#look(at)
      if (this.#type === TYPE.map) left += this.#size * 2
      else if (this.#type === TYPE.array) left += this.#size
      at = this.#next()
    }
    return at
  }

  #next(): number {
    const isBare =
      this.#type === TYPE.pointer || this.#type === TYPE.map || this.#type === TYPE.array || this.#type === TYPE.boolean
    return isBare ? this.#contentAt : this.#contentAt + this.#size
  }

  #lookBehindPointer(at: number): number {
    const type = this.#look(at)
    if (type !== TYPE.pointer) return type
    // [MaxMind DB 2.0]: a pointer never points to another one.
    if (this.#look(this.#target) === TYPE.pointer) throw new MmdbError('is damaged: a pointer points to a pointer')
    return this.#type
  }

  /** Its type. */
  #look(from: number): number {
    if (--this.#stepsLeft < 0) throw new MmdbError('is damaged: its records take more steps than the file has bytes')
    let at = from
    const control = this.#byte(at++)
    this.#type = control >> 5
    if (this.#type === TYPE.extended) this.#type = this.#byte(at++) + 7
    if (!KNOWN_TYPES.has(this.#type) || this.#type === TYPE.extended) {
      throw new MmdbError(`is damaged: there is no type ${this.#type}`)
    }
    if (this.#type === TYPE.pointer) {
      this.#lookAtPointer(control, at)
      return this.#type
    }
    this.#size = control & 0x1f
    if (this.#size >= 29) {
      const sizeBytes = this.#size - 28
      this.#size = [29, 285, 65_821][sizeBytes - 1] + this.#number(at, sizeBytes)
      at += sizeBytes
    }
    this.#contentAt = at
    if (this.#next() > this.#end) throw new MmdbError('is damaged: a value goes on after the end')
    return this.#type
  }

  /** `001SSVVV` and 1 to 4 bytes: SS is how many, VVV the highest bits, but for the longest. */
  #lookAtPointer(control: number, at: number): void {
    const kind = (control >> 3) & 3
    const high = kind === 3 ? 0 : (control & 7) * 2 ** (8 * (kind + 1))
    this.#target = this.#start + POINTER_OFFSETS[kind] + high + this.#number(at, kind + 1)
    this.#contentAt = at + kind + 1
  }

  #number(at: number, bytes: number): number {
    let value = 0
    for (let i = 0; i < bytes; i++) value = value * 256 + this.#byte(at + i)
    return value
  }

  #byte(at: number): number {
    if (at < this.#start || at >= this.#end) throw new MmdbError('is damaged: a value is outside of the data')
    return this.#bytes[at]
  }
}
