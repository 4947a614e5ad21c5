/**
 * Endless pseudo-random bytes that both ends of a connection know, so that every byte can be compared at memcmp's
 * speed and the first wrong one is named. The pool's length is no power of two: a block that is moved, doubled or
 * lost shifts everything behind it.
 */
import { Buffer } from 'node:buffer'

const POOL_BYTES = 4 * 1024 * 1024 + 4099
/** The longest slice that can be asked for. */
export const SLICE_BYTES_MAX = 1024 * 1024

const pool = makePool()

function makePool(): Buffer {
  const bytes = Buffer.allocUnsafe(POOL_BYTES + SLICE_BYTES_MAX)
  let state = 0x9e3779b9
  for (let i = 0; i < POOL_BYTES; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state >>> 11
  }
  bytes.copy(bytes, POOL_BYTES, 0, SLICE_BYTES_MAX)
  return bytes
}

/** Bytes `offset` to `offset + length` of the stream named by `seed`; a view, not to be written to. */
export function streamBytes(seed: number, offset: number, length: number): Buffer {
  if (length > SLICE_BYTES_MAX) throw new Error(`a slice of ${length} bytes is over ${SLICE_BYTES_MAX}`)
  const at = (((seed >>> 0) * 7919) % POOL_BYTES) + (offset % POOL_BYTES)
  const start = at % POOL_BYTES
  return pool.subarray(start, start + length)
}

/** The first `length` bytes as one buffer of its own. */
export function wholeStream(seed: number, length: number): Buffer {
  const parts: Buffer[] = []
  for (let offset = 0; offset < length; offset += SLICE_BYTES_MAX) {
    parts.push(streamBytes(seed, offset, Math.min(SLICE_BYTES_MAX, length - offset)))
  }
  return Buffer.concat(parts)
}

/** Compares what arrives with what must arrive. */
export class StreamCheck {
  readonly seed: number
  bytes = 0
  /** The first difference, in words. */
  difference: string | undefined

  constructor(seed: number) {
    this.seed = seed
  }

  take(chunk: Buffer): void {
    for (let from = 0; from < chunk.length && this.difference === undefined; from += SLICE_BYTES_MAX) {
      const part = chunk.subarray(from, from + SLICE_BYTES_MAX)
      const expected = streamBytes(this.seed, this.bytes, part.length)
      if (!part.equals(expected)) this.difference = describeDifference(part, expected, this.bytes)
      this.bytes += part.length
    }
  }

  /** Throws unless exactly `bytes` arrived and all were right. */
  assertComplete(bytes: number, direction: string): void {
    if (this.difference !== undefined) throw new Error(`${direction}: ${this.difference}`)
    if (this.bytes !== bytes) throw new Error(`${direction}: ${this.bytes} bytes arrived, ${bytes} were sent`)
  }
}

function describeDifference(actual: Buffer, expected: Buffer, offset: number): string {
  let i = 0
  while (actual[i] === expected[i]) i++
  const found = pool.indexOf(actual.subarray(i, i + 16))
  const shift = found === -1 ? 'found nowhere else in the stream' : `found at pool offset ${found}`
  const wanted = pool.indexOf(expected.subarray(i, i + 16))
  return `byte ${offset + i} differs; the bytes there are ${shift}, expected those of pool offset ${wanted}`
}
