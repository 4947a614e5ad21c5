/**
 * struct sockaddr_in and sockaddr_in6 in memory that the kernel reads and writes.
 *
 *   sockaddr_in     family u16 (host order) | port u16 (big-endian) | address 4
 *   sockaddr_in6    family u16 | port u16 | flow info 4 | address 16 | scope id 4
 */
import { endianness } from 'node:os'
import type { SocketAddress } from '../lib/ip.ts'
import { parseIp } from '../lib/ip.ts'
import { addressOf, AF } from './libc.ts'
import type { Address } from './libc.ts'
import { lowBytes, lowInts } from './low-memory.ts'

export const SOCKADDR_BYTES_MAX = 28
const SOCKADDR_IN_BYTES = 16
const PORT_AT = 2
const IPV4_AT = 4
const IPV6_AT = 8

/** A sockaddr the kernel can be pointed at. It holds `memory`, so the address stays good. */
export interface NativeSocketAddress {
  readonly family: number
  readonly at: Address
  readonly bytes: number
  readonly memory: Uint8Array
}

export function nativeSocketAddress(address: SocketAddress): NativeSocketAddress {
  // Ordinary memory, which is collected with the tables it belongs to; low memory never is.
  const memory = new Uint8Array(SOCKADDR_BYTES_MAX)
  const ip = parseIp(address.address)
  if (ip === undefined) throw new Error(`Not an IP address: ${address.address}`)
  const family = ip.length === 4 ? AF.inet : AF.inet6
  new Uint16Array(memory.buffer, memory.byteOffset, 1)[0] = family
  memory[PORT_AT] = address.port >> 8
  memory[PORT_AT + 1] = address.port & 0xff
  memory.set(ip, ip.length === 4 ? IPV4_AT : IPV6_AT)
  return { family, at: addressOf(memory), bytes: ip.length === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_BYTES_MAX, memory }
}

/** Room for a sockaddr that the kernel fills in, and for the length it takes and gives back. */
export class SocketAddressSlot {
  readonly bytes = lowBytes(32)
  readonly at: Address = addressOf(this.bytes)
  readonly #length = lowInts(1)
  readonly lengthAt: Address = addressOf(this.#length)
  readonly #family = new Uint16Array(this.bytes.buffer, this.bytes.byteOffset, 1)

  /** Before every call: the kernel overwrites the length with what it wrote. */
  reset(): void {
    this.#length[0] = SOCKADDR_BYTES_MAX
  }

  /** Same address and port; both as this machine writes them. */
  equals(other: NativeSocketAddress): boolean {
    for (let i = 0; i < other.bytes; i++) if (this.bytes[i] !== other.memory[i]) return false
    return true
  }

  get port(): number {
    return (this.bytes[PORT_AT] << 8) | this.bytes[PORT_AT + 1]
  }

  /** 4 or 6; a mapped IPv4 address on a dual-stack socket is 4. */
  get ipFamily(): 4 | 6 {
    if (this.#family[0] === AF.inet) return 4
    return this.#isMapped() ? 4 : 6
  }

  /** Where in `bytes` the address begins, 4 or 16 bytes by `ipFamily`. */
  get ipAt(): number {
    if (this.#family[0] === AF.inet) return IPV4_AT
    return this.#isMapped() ? IPV6_AT + 12 : IPV6_AT
  }

  #isMapped(): boolean {
    const bytes = this.bytes
    if (bytes[IPV6_AT + 10] !== 0xff || bytes[IPV6_AT + 11] !== 0xff) return false
    for (let i = IPV6_AT; i < IPV6_AT + 10; i++) if (bytes[i] !== 0) return false
    return true
  }
}

if (endianness() !== 'LE')
  throw new Error('The linux engine knows little-endian machines only; use traffic.engine: node')
