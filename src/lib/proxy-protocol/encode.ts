/**
 * PROXY headers out, on the hot path: once per connection, into the caller's bytes, nothing allocated.
 * For checks and tests, where an allocation does not matter, see encode-any.ts.
 */
import type { IpFamily } from '../ip.ts'
import { writeDecimal, writeIpv4, writeIpv6, writeMappedIpv4 } from './address-text.ts'
import { ALPN_BYTES_MAX, SERVER_NAME_BYTES_MAX } from '../tls-client-hello.ts'
import type { ClientHelloPlaces } from '../tls-client-hello.ts'
import { crc32c } from './crc32c.ts'
import { CRC32C_BYTES, TLV_HEADER_BYTES, TLV_TYPES, UNIQUE_ID_BYTES_MAX } from './tlv.ts'
import {
  V2_COMMANDS,
  V2_FAMILIES,
  V2_FIXED_BYTES,
  V2_IPV6_BYTES,
  V2_SIGNATURE,
  V2_TRANSPORTS,
  V2_VERSION,
} from './wire.ts'

const SPACE = 0x20
const V1_TCP4 = new TextEncoder().encode('PROXY TCP4 ')
const V1_TCP6 = new TextEncoder().encode('PROXY TCP6 ')
const VERSION_AND_PROXY = (V2_VERSION << 4) | V2_COMMANDS.proxy
const V2_TCP4 = Uint8Array.of(...V2_SIGNATURE, VERSION_AND_PROXY, (V2_FAMILIES.ipv4 << 4) | V2_TRANSPORTS.stream)
const V2_TCP6 = Uint8Array.of(...V2_SIGNATURE, VERSION_AND_PROXY, (V2_FAMILIES.ipv6 << 4) | V2_TRANSPORTS.stream)
const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)
const NO_BYTES = new Uint8Array(0)
const CRC32C_ZERO = new Uint8Array(CRC32C_BYTES)

/** No header that `writeV1Header` or `writeV2Header` writes is longer (a v1 line ends below it, at 104). */
export const WRITTEN_HEADER_BYTES_MAX =
  V2_FIXED_BYTES +
  V2_IPV6_BYTES +
  TLV_HEADER_BYTES +
  ALPN_BYTES_MAX +
  TLV_HEADER_BYTES +
  SERVER_NAME_BYTES_MAX +
  TLV_HEADER_BYTES +
  UNIQUE_ID_BYTES_MAX +
  TLV_HEADER_BYTES +
  CRC32C_BYTES

/**
 * What the next header says. One per worker: set the fields, write, set them again for the next connection.
 * Addresses are 4 or 16 bytes, by family, at an offset of any byte array, so that a `sockaddr` can be used in place.
 */
export class ProxyHeaderSource {
  clientFamily: IpFamily = 4
  clientAddress: Uint8Array = new Uint8Array(16)
  clientAddressOffset = 0
  clientPort = 0
  /** The address and port the client connected to: ours. */
  destinationFamily: IpFamily = 4
  destinationAddress: Uint8Array = new Uint8Array(16)
  destinationAddressOffset = 0
  destinationPort = 0
  /** v2 only. */
  crc32c = true
  /** v2 only; at most UNIQUE_ID_BYTES_MAX bytes. */
  uniqueId: Uint8Array | undefined = undefined
  /** v2 only: what a TLS ClientHello names, and the bytes it stands in. */
  helloBytes: Uint8Array = NO_BYTES
  readonly hello: ClientHelloPlaces = { serverNameAt: 0, serverNameBytes: 0, alpnAt: 0, alpnBytes: 0 }
}

/** Writes `PROXY TCP4 …\r\n` or `PROXY TCP6 …\r\n` at `offset` and returns its length [PROXY 2.1]. */
export function writeV1Header(source: ProxyHeaderSource, target: Uint8Array, offset: number): number {
  requireWritable(source, target, offset)
  const clientIpv4At = ipv4At(source.clientFamily, source.clientAddress, source.clientAddressOffset)
  const destinationIpv4At = ipv4At(source.destinationFamily, source.destinationAddress, source.destinationAddressOffset)
  const isIpv4 = clientIpv4At !== -1 && destinationIpv4At !== -1
  let at = writeBytes(isIpv4 ? V1_TCP4 : V1_TCP6, target, offset)
  at = writeAddressText(isIpv4, source.clientAddress, source.clientAddressOffset, clientIpv4At, target, at)
  target[at++] = SPACE
  at = writeAddressText(
    isIpv4,
    source.destinationAddress,
    source.destinationAddressOffset,
    destinationIpv4At,
    target,
    at,
  )
  target[at++] = SPACE
  at = writeDecimal(source.clientPort, target, at)
  target[at++] = SPACE
  at = writeDecimal(source.destinationPort, target, at)
  target[at++] = 0x0d
  target[at++] = 0x0a
  return at - offset
}

/** Writes a PROXY header of version 2 for TCP at `offset` and returns its length [PROXY 2.2]. */
export function writeV2Header(source: ProxyHeaderSource, target: Uint8Array, offset: number): number {
  requireWritable(source, target, offset)
  const clientIpv4At = ipv4At(source.clientFamily, source.clientAddress, source.clientAddressOffset)
  const destinationIpv4At = ipv4At(source.destinationFamily, source.destinationAddress, source.destinationAddressOffset)
  const isIpv4 = clientIpv4At !== -1 && destinationIpv4At !== -1
  let at = writeBytes(isIpv4 ? V2_TCP4 : V2_TCP6, target, offset)
  const lengthAt = at
  at += 2
  at = writeAddress(isIpv4, source.clientAddress, source.clientAddressOffset, clientIpv4At, target, at)
  at = writeAddress(isIpv4, source.destinationAddress, source.destinationAddressOffset, destinationIpv4At, target, at)
  at = writeUint16(source.clientPort, target, at)
  at = writeUint16(source.destinationPort, target, at)
  at = writeHelloTlvs(source, target, at)
  if (source.uniqueId !== undefined) at = writeTlv(TLV_TYPES.uniqueId, source.uniqueId, target, at)
  if (source.crc32c) at = writeTlv(TLV_TYPES.crc32c, CRC32C_ZERO, target, at)
  writeUint16(at - offset - V2_FIXED_BYTES, target, lengthAt)
  // Last, because it covers every other byte; its own field holds zeros until here.
  if (source.crc32c) writeUint32(crc32c(target, offset, at), target, at - CRC32C_BYTES)
  return at - offset
}

/** Uint8Array drops what does not fit without a word, and a port beyond 16 bits would come out as another one. */
function requireWritable(source: ProxyHeaderSource, target: Uint8Array, offset: number): void {
  if (target.length - offset < WRITTEN_HEADER_BYTES_MAX) {
    throw new RangeError(
      `Cannot write a PROXY header: ${target.length - offset} bytes are left, ${WRITTEN_HEADER_BYTES_MAX} are needed`,
    )
  }
  requirePort(source.clientPort)
  requirePort(source.destinationPort)
  if (source.uniqueId !== undefined && source.uniqueId.length > UNIQUE_ID_BYTES_MAX) {
    throw new RangeError(
      `Cannot write a PROXY header: a unique id of ${source.uniqueId.length} bytes, ${UNIQUE_ID_BYTES_MAX} are allowed`,
    )
  }
}

function requirePort(port: number): void {
  if ((port & 0xffff) !== port) throw new RangeError(`Cannot write a PROXY header: ${port} is not a port`)
}

/** Where the four bytes of an IPv4 address begin, mapped or not; -1 for any other IPv6 address. */
function ipv4At(family: IpFamily, address: Uint8Array, offset: number): number {
  if (family === 4) return offset
  if (address[offset + 10] !== 0xff || address[offset + 11] !== 0xff) return -1
  for (let i = 0; i < 10; i++) if (address[offset + i] !== 0) return -1
  return offset + 12
}

/** One family must hold for both ends: beside a true IPv6 address an IPv4 address goes out as mapped. */
function writeAddress(
  asIpv4: boolean,
  address: Uint8Array,
  offset: number,
  ipv4Offset: number,
  target: Uint8Array,
  at: number,
): number {
  if (asIpv4) return writeRange(address, ipv4Offset, 4, target, at)
  if (ipv4Offset === -1) return writeRange(address, offset, 16, target, at)
  return writeRange(address, ipv4Offset, 4, target, writeBytes(MAPPED_PREFIX, target, at))
}

function writeAddressText(
  asIpv4: boolean,
  address: Uint8Array,
  offset: number,
  ipv4Offset: number,
  target: Uint8Array,
  at: number,
): number {
  if (asIpv4) return writeIpv4(address, ipv4Offset, target, at)
  if (ipv4Offset === -1) return writeIpv6(address, offset, target, at)
  return writeMappedIpv4(address, ipv4Offset, target, at)
}

function writeTlv(type: number, value: Uint8Array, target: Uint8Array, at: number): number {
  target[at] = type
  return writeBytes(value, target, writeUint16(value.length, target, at + 1))
}

function writeHelloTlvs({ helloBytes, hello }: ProxyHeaderSource, target: Uint8Array, offset: number): number {
  let at = offset
  if (hello.alpnBytes > 0) {
    at = writeTlvRange(TLV_TYPES.alpn, helloBytes, hello.alpnAt, hello.alpnBytes, target, at)
  }
  if (hello.serverNameBytes > 0) {
    at = writeTlvRange(TLV_TYPES.authority, helloBytes, hello.serverNameAt, hello.serverNameBytes, target, at)
  }
  return at
}

function writeTlvRange(
  type: number,
  bytes: Uint8Array,
  from: number,
  count: number,
  target: Uint8Array,
  at: number,
): number {
  target[at] = type
  return writeRange(bytes, from, count, target, writeUint16(count, target, at + 1))
}

function writeBytes(bytes: Uint8Array, target: Uint8Array, at: number): number {
  return writeRange(bytes, 0, bytes.length, target, at)
}

/** A loop: `target.set(bytes.subarray())` allocates a view, and for so few bytes the call alone costs more. */
function writeRange(bytes: Uint8Array, from: number, count: number, target: Uint8Array, at: number): number {
  for (let i = 0; i < count; i++) target[at + i] = bytes[from + i]
  return at + count
}

function writeUint16(value: number, target: Uint8Array, at: number): number {
  target[at] = value >> 8
  target[at + 1] = value & 0xff
  return at + 2
}

function writeUint32(value: number, target: Uint8Array, at: number): number {
  return writeUint16(value & 0xffff, target, writeUint16(value >>> 16, target, at))
}
