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
  readonly #keysByLength = new Map<number, Set<string>>()

  /** False where one that was taken before has all of it. */
  add({ bytes, prefixLength }: Network): boolean {
    for (const [length, keys] of this.#keysByLength) if (keys.has(keyOf(bytes, length))) return false
    const keys = this.#keysByLength.get(prefixLength) ?? new Set<string>()
    this.#keysByLength.set(prefixLength, keys.add(keyOf(bytes, prefixLength)))
    return true
  }
}

/** IPv4 and IPv6 differ in length. */
function keyOf(bytes: Uint8Array, length: number): string {
  return firstBits(bytes, length).toString('latin1')
}

/** The rest is cleared. */
export function firstBits(bytes: Uint8Array, length: number): Buffer {
  const masked = Buffer.alloc(bytes.length)
  const whole = length >> 3
  for (let i = 0; i < whole; i++) masked[i] = bytes[i]
  if ((length & 7) !== 0) masked[whole] = bytes[whole] & (0xff00 >> (length & 7))
  return masked
}
