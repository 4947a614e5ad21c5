/** A range of addresses as the prefixes that make it up. */
import type { Network } from './ip.ts'

/** From the first to the last address, both included and of one IP version; at most 62 prefixes (IPv4) or 254 (IPv6). */
export function networksOfRange(first: Uint8Array, last: Uint8Array): Network[] {
  const family = first.length === 4 ? 4 : 6
  const bits = first.length * 8
  const end = numberOf(last)
  const networks: Network[] = []
  for (let from = numberOf(first); from <= end;) {
    let size = 0
    // Twice as large as long as it begins where such a prefix begins, and ends in the range.
    while (size < bits && (from & ((2n << BigInt(size)) - 1n)) === 0n && from + (2n << BigInt(size)) - 1n <= end) size++
    networks.push({ family, bytes: bytesOf(from, first.length), prefixLength: bits - size })
    from += 1n << BigInt(size)
  }
  return networks
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n)
}

function bytesOf(number: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Number((number >> BigInt((length - 1 - i) * 8)) & 0xffn))
}
