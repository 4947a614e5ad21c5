/** Prefixes without overlap: an interval set takes no two that share an address. */
import { formatIp, type Network } from '../../lib/ip.ts'

/** `192.0.2.0/24` */
export function networkText({ bytes, prefixLength }: Network): string {
  return `${formatIp(bytes)}/${prefixLength}`
}

/**
 * Those that no other one contains, widest first. Prefixes either nest or share nothing, so that what comes out
 * covers the same addresses. Of equal ones the first is taken.
 */
export function coverOf<Entry extends { readonly network: Network }>(entries: readonly Entry[]): Entry[] {
  const chosen: Entry[] = []
  const keysByLength = new Map<number, Set<string>>()
  for (const entry of entries.toSorted((a, b) => a.network.prefixLength - b.network.prefixLength)) {
    const { bytes, prefixLength } = entry.network
    const isCovered = [...keysByLength].some(([length, keys]) => keys.has(keyOf(bytes, length)))
    if (isCovered) continue
    chosen.push(entry)
    const keys = keysByLength.get(prefixLength) ?? new Set<string>()
    keysByLength.set(prefixLength, keys.add(keyOf(bytes, prefixLength)))
  }
  return chosen
}

/** The first bits of an address, the rest cleared; IPv4 and IPv6 differ in length. */
function keyOf(bytes: Uint8Array, length: number): string {
  const masked = Buffer.alloc(bytes.length)
  const whole = length >> 3
  for (let i = 0; i < whole; i++) masked[i] = bytes[i]
  if ((length & 7) !== 0) masked[whole] = bytes[whole] & (0xff00 >> (length & 7))
  return masked.toString('latin1')
}
