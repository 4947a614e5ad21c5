/** A client as a number for methods and tables that stay with it: an IPv4 address, or the /64 of an IPv6 one. */

/** Evenly spread over 32 bits, the same in every worker. `at` is where the address begins in `bytes`. */
export function clientHash32(bytes: Uint8Array, at: number, family: 4 | 6): number {
  let hash = word(bytes, at)
  if (family === 6) hash = mix32(hash) ^ word(bytes, at + 4)
  return mix32(hash)
}

/** 4 bytes, the first one highest. */
export function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
}

/** A bijection of 32 bits in which every input bit changes half of the output [MurmurHash3 fmix32]. */
export function mix32(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return hash ^ (hash >>> 16)
}
