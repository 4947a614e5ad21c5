/** The binary header [PROXY 2.2]; wire.ts has its picture. */
import { isMappedIpv4 } from '../ip.ts'
import { crc32cWithZeroedField } from './crc32c.ts'
import {
  invalid,
  NEED_MORE,
  type DecodedProxyHeader,
  type ProxyHeader,
  type ProxyHeaderAddress,
  type ProxyHeaderAddresses,
} from './decoded.ts'
import type { HeaderFault } from './fault.ts'
import { CRC32C_BYTES, TLV_HEADER_BYTES, TLV_TYPES, UNIQUE_ID_BYTES_MAX, type Tlv } from './tlv.ts'
import {
  V2_COMMANDS,
  V2_FAMILIES,
  V2_FIXED_BYTES,
  V2_HEADER_BYTES_MAX,
  V2_IPV4_BYTES,
  V2_IPV6_BYTES,
  V2_SIGNATURE,
  V2_TRANSPORTS,
  V2_UNIX_BYTES,
  V2_VERSION,
} from './wire.ts'

const COMMAND_AT = V2_SIGNATURE.length
const FAMILY_AT = COMMAND_AT + 1
const LENGTH_AT = FAMILY_AT + 1

const ADDRESS_BYTES_BY_FAMILY = [0, V2_IPV4_BYTES, V2_IPV6_BYTES, V2_UNIX_BYTES]

export function decodeV2(bytes: Uint8Array, start: number, end: number): DecodedProxyHeader {
  const fault = faultInFixedBytes(bytes, start, end)
  if (fault !== undefined) return invalid(fault)
  if (end - start < V2_FIXED_BYTES) return NEED_MORE

  const headerEnd = start + V2_FIXED_BYTES + ((bytes[start + LENGTH_AT] << 8) | bytes[start + LENGTH_AT + 1])
  if (isOpaque(bytes, start)) return end < headerEnd ? NEED_MORE : opaqueHeader(bytes, start, headerEnd)

  const tlvsAt = start + V2_FIXED_BYTES + ADDRESS_BYTES_BY_FAMILY[bytes[start + FAMILY_AT] >> 4]
  if (headerEnd < tlvsAt) return invalid('v2-address-length')
  const tlvFault = faultInTlvs(bytes, tlvsAt, headerEnd, end)
  if (tlvFault !== undefined) return invalid(tlvFault)
  return end < headerEnd ? NEED_MORE : proxyHeader(bytes, start, tlvsAt, headerEnd)
}

/** What the bytes received of the first 16 already give away. */
function faultInFixedBytes(bytes: Uint8Array, start: number, end: number): HeaderFault | undefined {
  const received = end - start
  for (let i = 0; i < V2_SIGNATURE.length && i < received; i++) {
    if (bytes[start + i] !== V2_SIGNATURE[i]) return 'not-a-header'
  }
  if (received <= COMMAND_AT) return undefined
  const command = bytes[start + COMMAND_AT] & 0xf
  if (bytes[start + COMMAND_AT] >> 4 !== V2_VERSION) return 'v2-version'
  if (command !== V2_COMMANDS.local && command !== V2_COMMANDS.proxy) return 'v2-command'
  if (received <= FAMILY_AT) return undefined
  // LOCAL: the family is ignored, whatever it is [PROXY 2.2].
  if (command === V2_COMMANDS.proxy && !isDefinedFamily(bytes[start + FAMILY_AT])) return 'v2-family'
  if (received <= LENGTH_AT) return undefined
  const lengthAtLeast = (bytes[start + LENGTH_AT] << 8) | (received > LENGTH_AT + 1 ? bytes[start + LENGTH_AT + 1] : 0)
  return V2_FIXED_BYTES + lengthAtLeast > V2_HEADER_BYTES_MAX ? 'v2-too-long' : undefined
}

function isDefinedFamily(byte: number): boolean {
  return byte >> 4 <= V2_FAMILIES.unix && (byte & 0xf) <= V2_TRANSPORTS.dgram
}

/**
 * LOCAL carries what it likes: AWS sends family 0x11 with TLVs where addresses would be, and an address block
 * that is read lets a health checker name any client. UNSPEC has no address length, so no place where TLVs begin.
 * Both are skipped by length alone, a CRC32C in them included: nothing of them is believed, so nothing needs proof.
 */
function isOpaque(bytes: Uint8Array, start: number): boolean {
  if ((bytes[start + COMMAND_AT] & 0xf) === V2_COMMANDS.local) return true
  const family = bytes[start + FAMILY_AT]
  return family >> 4 === V2_FAMILIES.unspec || (family & 0xf) === V2_TRANSPORTS.unspec
}

function opaqueHeader(bytes: Uint8Array, start: number, headerEnd: number): ProxyHeader {
  const isLocal = (bytes[start + COMMAND_AT] & 0xf) === V2_COMMANDS.local
  return {
    kind: 'header',
    version: 2,
    command: isLocal ? 'local' : 'proxy',
    addresses: undefined,
    tlvs: [],
    isCrc32cVerified: false,
    headerBytes: headerEnd - start,
  }
}

/** TLVs must tile the rest of the header exactly; what has arrived of them is judged before the rest is there. */
function faultInTlvs(bytes: Uint8Array, tlvsAt: number, headerEnd: number, end: number): HeaderFault | undefined {
  let hasCrc32c = false
  for (let at = tlvsAt; at < headerEnd; at += TLV_HEADER_BYTES + tlvLengthAt(bytes, at)) {
    if (headerEnd - at < TLV_HEADER_BYTES) return 'v2-tlv-length'
    if (end - at < TLV_HEADER_BYTES) return undefined
    const length = tlvLengthAt(bytes, at)
    if (length > headerEnd - at - TLV_HEADER_BYTES) return 'v2-tlv-length'
    if (bytes[at] === TLV_TYPES.uniqueId && length > UNIQUE_ID_BYTES_MAX) return 'v2-unique-id'
    if (bytes[at] !== TLV_TYPES.crc32c) continue
    if (length !== CRC32C_BYTES) return 'v2-crc32c-length'
    if (hasCrc32c) return 'v2-crc32c-twice'
    hasCrc32c = true
  }
  return undefined
}

function tlvLengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + 1] << 8) | bytes[at + 2]
}

function proxyHeader(bytes: Uint8Array, start: number, tlvsAt: number, headerEnd: number): DecodedProxyHeader {
  const tlvs: Tlv[] = []
  let isCrc32cVerified = false
  for (let at = tlvsAt; at < headerEnd; at += TLV_HEADER_BYTES + tlvLengthAt(bytes, at)) {
    const type = bytes[at]
    const valueAt = at + TLV_HEADER_BYTES
    if (type === TLV_TYPES.crc32c) {
      if (readInt32(bytes, valueAt) !== crc32cWithZeroedField(bytes, start, headerEnd, valueAt)) {
        return invalid('v2-crc32c-wrong')
      }
      isCrc32cVerified = true
    } else if (type !== TLV_TYPES.noop) {
      tlvs.push({ type, value: copyOf(bytes, valueAt, tlvLengthAt(bytes, at)) })
    }
  }
  const addresses = readAddresses(bytes, start)
  const headerBytes = headerEnd - start
  return { kind: 'header', version: 2, command: 'proxy', addresses, tlvs, isCrc32cVerified, headerBytes }
}

/**
 * TCP only. UNIX paths are no address of ours, and a datagram's client did not open this connection: both fall
 * back to UNSPEC, as the protocol demands of a receiver that does not implement a valid family [PROXY 2.2].
 */
function readAddresses(bytes: Uint8Array, start: number): ProxyHeaderAddresses | undefined {
  const family = bytes[start + FAMILY_AT]
  if ((family & 0xf) !== V2_TRANSPORTS.stream || family >> 4 === V2_FAMILIES.unix) return undefined
  const addressBytes = family >> 4 === V2_FAMILIES.ipv4 ? 4 : 16
  const sourceAt = start + V2_FIXED_BYTES
  const portsAt = sourceAt + 2 * addressBytes
  return {
    source: readAddress(bytes, sourceAt, addressBytes, portsAt),
    destination: readAddress(bytes, sourceAt + addressBytes, addressBytes, portsAt + 2),
  }
}

function readAddress(bytes: Uint8Array, at: number, addressBytes: number, portAt: number): ProxyHeaderAddress {
  const raw = copyOf(bytes, at, addressBytes)
  const address = isMappedIpv4(raw) ? raw.slice(12) : raw
  return { family: address.length === 4 ? 4 : 6, address, port: (bytes[portAt] << 8) | bytes[portAt + 1] }
}

/** Not `slice`: on a Buffer that is a view, and the next read into it would change the header. */
function copyOf(bytes: Uint8Array, at: number, count: number): Uint8Array {
  return new Uint8Array(bytes.subarray(at, at + count))
}

/** Signed, as crc32c gives it. */
function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
}
