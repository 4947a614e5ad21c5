/**
 * IP addresses as text and as bytes. IPv4-mapped IPv6 addresses are IPv4 everywhere in Tidegate:
 * one client must not have two spellings in a log, a header or a list.
 */
import { isIPv4, isIPv6 } from 'node:net'

export type IpFamily = 4 | 6

/** An address and a port; `address` is in its canonical text form, without brackets or zone. */
export interface SocketAddress {
  readonly family: IpFamily
  readonly address: string
  readonly port: number
}

/** The 4 or 16 bytes of an address in network order; undefined when the text is not an address. Zones are not accepted. */
export function parseIp(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return parseIpv4(text)
  if (!isIPv6(text) || text.includes('%')) return undefined
  const bytes = parseIpv6(text)
  return isMappedIpv4(bytes) ? bytes.slice(12) : bytes
}

function parseIpv4(text: string): Uint8Array {
  return Uint8Array.from(text.split('.'), Number)
}

function parseIpv6(text: string): Uint8Array {
  const bytes = new Uint8Array(16)
  const [head, tail] = text.split('::')
  const headGroups = groupsOf(head)
  const tailGroups = tail === undefined ? [] : groupsOf(tail)
  headGroups.forEach((group, i) => writeGroup(bytes, i, group))
  tailGroups.forEach((group, i) => writeGroup(bytes, 8 - tailGroups.length + i, group))
  return bytes
}

/** Splits `a:b:1.2.3.4` into 16-bit groups. */
function groupsOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [parseInt(part, 16)]
    const [a, b, c, d] = parseIpv4(part)
    return [(a << 8) | b, (c << 8) | d]
  })
}

function writeGroup(bytes: Uint8Array, index: number, group: number): void {
  bytes[index * 2] = group >> 8
  bytes[index * 2 + 1] = group & 0xff
}

/** True for ::ffff:a.b.c.d [RFC 4291 2.5.5.2]. */
export function isMappedIpv4(bytes: Uint8Array): boolean {
  if (bytes.length !== 16 || bytes[10] !== 0xff || bytes[11] !== 0xff) return false
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false
  return true
}

/** Canonical text of 4 or 16 bytes [RFC 5952]; mapped IPv4 comes out as IPv4. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  if (isMappedIpv4(bytes)) return formatIp(bytes.subarray(12))
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i] << 8) | bytes[i + 1])
  const { start, length } = longestZeroRun(groups)
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':')
  if (length < 2) return text(groups)
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let i = 0; i < groups.length; i++) {
    let end = i
    while (end < groups.length && groups[end] === 0) end++
    if (end - i > best.length) best = { start: i, length: end - i }
    i = Math.max(i, end - 1)
  }
  return best
}

/** `1.2.3.4:80` or `[2001:db8::1]:80`. */
export function formatSocketAddress(address: SocketAddress): string {
  return address.family === 6 ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`
}

/** The canonical address of the text, or undefined; `port` is not checked here. */
export function socketAddress(text: string, port: number): SocketAddress | undefined {
  const bytes = parseIp(text)
  if (bytes === undefined) return undefined
  return { family: bytes.length === 4 ? 4 : 6, address: formatIp(bytes), port }
}

/** Reached from this machine only. */
export function isLoopback({ family, address }: SocketAddress): boolean {
  return family === 4 ? address.startsWith('127.') : address === '::1'
}

/** A prefix such as 192.0.2.0/24; `bytes` has the host bits cleared. */
export interface Network {
  readonly family: IpFamily
  readonly bytes: Uint8Array
  readonly prefixLength: number
}

/** `192.0.2.0/24`, `2001:db8::1/128` */
export function formatNetwork({ bytes, prefixLength }: Network): string {
  return `${formatIp(bytes)}/${prefixLength}`
}

/** Parses `192.0.2.0/24`, `2001:db8::/32` or a bare address; undefined when it is none of them or has host bits set. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/')
  const bytes = parseIp(slash === -1 ? text : text.slice(0, slash))
  if (bytes === undefined) return undefined
  // The prefix of a mapped address counts the bits of its IPv6 text, of which the first 96 are the mapping.
  const mappingBits = bytes.length === 4 && text.includes(':') ? 96 : 0
  const bits = mappingBits + bytes.length * 8
  const prefixText = slash === -1 ? String(bits) : text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(prefixText) || Number(prefixText) > bits) return undefined
  const prefixLength = Number(prefixText) - mappingBits
  if (prefixLength < 0 || hasHostBits(bytes, prefixLength)) return undefined
  return { family: bytes.length === 4 ? 4 : 6, bytes, prefixLength }
}

function hasHostBits(bytes: Uint8Array, prefixLength: number): boolean {
  for (let bit = prefixLength; bit < bytes.length * 8; bit++) {
    if ((bytes[bit >> 3] & (0x80 >> (bit & 7))) !== 0) return true
  }
  return false
}

/** Is the address whose bytes begin at `offset` (4 or 16 of them, by the network's family) inside the network? */
export function networkContains(network: Network, bytes: Uint8Array, offset: number): boolean {
  const whole = network.prefixLength >> 3
  for (let i = 0; i < whole; i++) if (bytes[offset + i] !== network.bytes[i]) return false
  const rest = network.prefixLength & 7
  if (rest === 0) return true
  const mask = (0xff00 >> rest) & 0xff
  return (bytes[offset + whole] & mask) === network.bytes[whole]
}
