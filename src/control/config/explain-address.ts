/** Why a text is not the address or network that it was meant to be, and how to write it. */
import { isIPv6 } from 'node:net'
import { formatIp, parseIp } from '../../lib/ip.ts'

/** `expected` names what fits, such as `IP:PORT`. */
export function explainIp(text: string, expected: string): string {
  if (text.includes('%') && isIPv6(text)) return 'has a zone (%…); link-local addresses with zones are not supported'
  if (/^[\d.]+:\d*$/.test(text)) return `has a port; expected ${expected}`
  const parts = text.split('.')
  const isDotted = parts.length > 1 && parts.every((part) => /^\d+$/.test(part))
  if (isDotted && parts.length !== 4) return `has ${parts.length} numbers; an IPv4 address has 4, such as 192.0.2.1`
  if (isDotted) {
    const high = parts.find((part) => Number(part) > 255)
    if (high !== undefined) return `has ${high.slice(0, 12)} in its address; each number of an IPv4 address is 0 to 255`
    // 010 is 8 to some systems and 10 to others; a list that means one must not be read as the other.
    return `has leading zeros, which some systems read as octal; write ${parts.map(Number).join('.')}`
  }
  if (text.includes(':')) return `is not a valid IPv6 address; expected ${expected}`
  return `is not an IP address; expected ${expected}`
}

export function explainNetwork(text: string): string {
  const [address, prefix, ...rest] = text.split('/')
  const bytes = parseIp(address)
  const example = 'expected a network such as 192.0.2.0/24, 2001:db8::/32, or one address'
  if (rest.length > 0) return `is not a network; ${example}`
  if (bytes === undefined) return explainIp(address, 'a network such as 192.0.2.0/24 or 2001:db8::/32')
  const bits = bytes.length * 8
  const isNumber = /^\d{1,3}$/.test(prefix ?? '')
  if (isNumber && Number(prefix) <= bits) {
    const cleared = formatIp(clearHostBits(bytes, Number(prefix)))
    return `has address bits beyond its prefix; write ${cleared}/${Number(prefix)} for the network, or ${address} for the one address`
  }
  if (isNumber) return `has prefix length ${prefix}; IPv${bits === 32 ? 4 : 6} has 0 to ${bits}`
  if (prefix !== undefined && parseIp(prefix) !== undefined)
    return 'has a netmask; write its length instead, such as /24'
  return `has no number after the slash; ${example}`
}

function clearHostBits(bytes: Uint8Array, prefixLength: number): Uint8Array {
  return bytes.map((byte, i) => byte & (0xff << Math.max(0, Math.min(8, 8 - (prefixLength - i * 8)))))
}

export function isUnspecified(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

/** Why no TCP connection can go to the address; undefined when one can. */
export function unconnectable(bytes: Uint8Array): string | undefined {
  if (isUnspecified(bytes)) return 'is no single address; write 127.0.0.1 or [::1] for this machine'
  if (bytes.length === 4 && bytes[0] === 0) return 'is in 0.0.0.0/8, where no server can be'
  if (bytes.length === 16 ? bytes[0] === 0xff : bytes[0] >= 224 && bytes[0] < 240)
    return 'is a multicast address; TCP cannot connect to it'
  if (bytes.length === 4 && bytes.every((byte) => byte === 255))
    return 'is the broadcast address; TCP cannot connect to it'
  return undefined
}
