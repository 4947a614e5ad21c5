/** What one ban names: an IPv4 address or an IPv6 /64, the neighbourhood of one, or what an operator wrote. */
import { formatIp, formatNetwork, type IpFamily, type Network, networkContains, parseNetwork } from '../../lib/ip.ts'
import { type Parsed, parsed, unparsed } from '../../lib/parsed.ts'

/** A client is an IPv4 address or an IPv6 /64: one host may take any address of it. */
export const SOURCE_BITS = { 4: 32, 6: 64 } as const
/** What neighbours share: a /24, or the /48 of one site [RFC 6177]. */
export const NEIGHBOURHOOD_BITS = { 4: 24, 6: 48 } as const
/** Shorter prefixes are banned by force only: a slip of the finger must not lock out a continent. */
export const WIDE_BITS = { 4: 8, 6: 16 } as const

/** Says one source among others; not for people. */
export type SourceKey = number | string

/** Of the address whose bytes begin at 0. */
export function sourceKey(bytes: Uint8Array, family: IpFamily): SourceKey {
  const [a, b, c, d, e, f, g, h] = bytes
  if (family === 4) return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
  return String.fromCharCode((a << 8) | b, (c << 8) | d, (e << 8) | f, (g << 8) | h)
}

export function sourceOf(bytes: Uint8Array, family: IpFamily): Network {
  return networkOf(bytes, family, SOURCE_BITS[family])
}

export function neighbourhoodOf({ bytes, family }: Network): Network {
  return networkOf(bytes, family, NEIGHBOURHOOD_BITS[family])
}

export function isSource({ family, prefixLength }: Network): boolean {
  return prefixLength === SOURCE_BITS[family]
}

/** A copy with the host bits cleared. */
function networkOf(bytes: Uint8Array, family: IpFamily, prefixLength: number): Network {
  const kept = bytes.slice(0, family === 4 ? 4 : 16)
  for (let i = 0; i < kept.length; i++) {
    const bits = Math.min(8, Math.max(0, prefixLength - i * 8))
    kept[i] &= 0xff00 >> bits
  }
  return { family, bytes: kept, prefixLength }
}

export function lastAddress({ bytes, prefixLength }: Network): Uint8Array {
  return bytes.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, prefixLength - i * 8))))
}

/** `192.0.2.1`, `192.0.2.0/24` or `2001:db8::/64`. */
export function banText({ family, bytes, prefixLength }: Network): string {
  return family === 4 && prefixLength === 32 ? formatIp(bytes) : formatNetwork({ family, bytes, prefixLength })
}

/** What an operator wrote. A bare IPv6 address is its /64, as a client is; `/128` asks for the one address. */
export function parseBanned(text: string): Parsed<Network> {
  const network = parseNetwork(text)
  if (network !== undefined) {
    const isBare = network.family === 6 && !text.includes('/')
    return parsed(isBare ? sourceOf(network.bytes, 6) : network)
  }
  const wide = parseNetwork(text.replace(/\/\d+$/, ''))
  const length = Number(/\/(\d{1,3})$/.exec(text)?.[1] ?? Number.NaN)
  if (wide === undefined || !(length <= wide.bytes.length * 8)) {
    return unparsed('is neither an address nor a prefix; expected 192.0.2.1, 192.0.2.0/24 or 2001:db8::/48')
  }
  const meant = banText(networkOf(wide.bytes, wide.family, length))
  return unparsed(`has bits set beyond its length; perhaps ${meant} is meant`)
}

/** Do they have an address in common? Then one of them contains the other. */
export function overlap(a: Network, b: Network): boolean {
  return a.prefixLength <= b.prefixLength ? contains(a, b) : contains(b, a)
}

/** Is every address of the second in the first? */
export function contains(outer: Network, inner: Network): boolean {
  if (outer.family !== inner.family || outer.prefixLength > inner.prefixLength) return false
  return networkContains(outer, inner.bytes, 0)
}
