/** Prefixes without overlap: an interval set takes no two that share an address. */
import type { Network } from '../../lib/ip.ts'

/**
 * Those that no other one contains, widest first. Prefixes either nest or share nothing, so that what comes out
 * covers the same addresses. Of equal ones the first is taken.
 */
export function coverOf<Entry extends { readonly network: Network }>(entries: readonly Entry[]): Entry[] {
  const cover = new Cover()
  return entries
    .toSorted((a, b) => a.network.prefixLength - b.network.prefixLength)
    .filter(({ network }) => cover.add(network))
}

/** Takes prefixes widest first. */
export class Cover {
  readonly #keysByLength = { 4: new Map<number, Set<Key>>(), 6: new Map<number, Set<Key>>() }

  /** False where one that was taken before has all of it. */
  add({ family, bytes, prefixLength }: Network): boolean {
    const keysByLength = this.#keysByLength[family]
    for (const [length, keys] of keysByLength) if (keys.has(keyOf(bytes, length))) return false
    const keys = keysByLength.get(prefixLength) ?? new Set()
    keysByLength.set(prefixLength, keys.add(keyOf(bytes, prefixLength)))
    return true
  }
}

type Key = number | string

/** Of one family and length. A list of IPv4 has tens of thousands, each asked for at every length: numbers are ten times as fast. */
function keyOf(bytes: Uint8Array, length: number): Key {
  if (bytes.length > 4) return firstBits(bytes, length).toString('latin1')
  const word = (bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]
  // A shift by 32 is none.
  return length === 0 ? 0 : word >>> (32 - length)
}

/** The rest is cleared. */
export function firstBits(bytes: Uint8Array, length: number): Buffer {
  const masked = Buffer.alloc(bytes.length)
  const whole = length >> 3
  for (let i = 0; i < whole; i++) masked[i] = bytes[i]
  if ((length & 7) !== 0) masked[whole] = bytes[whole] & (0xff00 >> (length & 7))
  return masked
}
