/**
 * A second, independent reading of the PROXY protocol for the tests: the product's own codec may not judge itself.
 * Section numbers are those of haproxy's proxy-protocol.txt.
 */
import { Buffer } from 'node:buffer'

export const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

export const TLV_ALPN = 0x01
export const TLV_AUTHORITY = 0x02
export const TLV_CRC32C = 0x03
export const TLV_NOOP = 0x04
export const TLV_UNIQUE_ID = 0x05

export interface SeenHeader {
  readonly version: 1 | 2
  readonly command: 'PROXY' | 'LOCAL'
  readonly family: 'TCP4' | 'TCP6' | 'UNKNOWN'
  /** `address:port` as in the log. */
  readonly source: string
  readonly destination: string
  readonly tlvs: readonly Tlv[]
  /** Whole header, in bytes. */
  readonly length: number
}

export interface Tlv {
  readonly type: number
  readonly value: Buffer
}

/** Reads the header at the start of `bytes`; undefined while it is not complete. */
export function readHeader(bytes: Buffer): SeenHeader | undefined {
  return bytes.length > 0 && bytes[0] === 0x50 ? readV1(bytes) : readV2(bytes)
}

function readV1(bytes: Buffer): SeenHeader | undefined {
  const end = bytes.indexOf('\r\n')
  if (end === -1) {
    if (bytes.length > 107) throw new Error(`no line end in ${JSON.stringify(bytes.toString('latin1'))}`)
    return undefined
  }
  const line = bytes.toString('latin1', 0, end)
  const match = /^PROXY (TCP4|TCP6) (\S+) (\S+) (\d+) (\d+)$/.exec(line)
  if (match === null) throw new Error(`not a v1 line: ${JSON.stringify(line)}`)
  const [, family, source, destination, sourcePort, destinationPort] = match
  return {
    version: 1,
    command: 'PROXY',
    family: family as 'TCP4' | 'TCP6',
    source: withPort(source, Number(sourcePort)),
    destination: withPort(destination, Number(destinationPort)),
    tlvs: [],
    length: end + 2,
  }
}

function readV2(bytes: Buffer): SeenHeader | undefined {
  if (bytes.length < 16) return undefined
  if (!bytes.subarray(0, 12).equals(V2_SIGNATURE))
    throw new Error(`not a v2 header: ${bytes.toString('hex').slice(0, 64)}`)
  const length = 16 + bytes.readUInt16BE(14)
  if (bytes.length < length) return undefined
  const header = bytes.subarray(0, length)
  const v6 = header[13] === 0x21
  const addressBytes = v6 ? 36 : 12
  if (header[12] !== 0x21) throw new Error(`command byte ${header[12]}`)
  if (header[13] !== 0x11 && header[13] !== 0x21) throw new Error(`family byte ${header[13]}`)
  checkCrc(header)
  return {
    version: 2,
    command: 'PROXY',
    family: v6 ? 'TCP6' : 'TCP4',
    source: v6
      ? withPort(ipv6(header, 16), header.readUInt16BE(48))
      : withPort(ipv4(header, 16), header.readUInt16BE(24)),
    destination: v6
      ? withPort(ipv6(header, 32), header.readUInt16BE(50))
      : withPort(ipv4(header, 20), header.readUInt16BE(26)),
    tlvs: readTlvs(header, 16 + addressBytes),
    length,
  }
}

function readTlvs(header: Buffer, start: number): Tlv[] {
  const tlvs: Tlv[] = []
  let at = start
  while (at < header.length) {
    const end = at + 3 + header.readUInt16BE(at + 1)
    if (end > header.length) throw new Error('TLVs do not end where the header ends')
    tlvs.push({ type: header[at], value: header.subarray(at + 3, end) })
    at = end
  }
  return tlvs
}

/** 2.2.3: over the whole header with the field itself zeroed. */
function checkCrc(header: Buffer): void {
  const start = header[13] === 0x21 ? 52 : 28
  for (let at = start; at + 3 <= header.length; at += 3 + header.readUInt16BE(at + 1)) {
    if (header[at] !== TLV_CRC32C) continue
    const copy = Buffer.from(header)
    copy.fill(0, at + 3, at + 7)
    const wanted = crc32c(copy)
    const found = header.readUInt32BE(at + 3)
    if (wanted !== found) throw new Error(`CRC32C ${found.toString(16)}, computed ${wanted.toString(16)}`)
  }
}

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}

function withPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function ipv4(bytes: Buffer, at: number): string {
  return bytes.subarray(at, at + 4).join('.')
}

function ipv6(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + i * 2).toString(16))
  // The URL parser writes the canonical text of RFC 5952.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}

export interface V2Parts {
  /** Byte 13: version and command. */
  readonly versionCommand?: number
  /** Byte 14: family and transport. */
  readonly familyTransport?: number
  readonly addresses?: Buffer
  readonly tlvs?: readonly Tlv[]
  /** Adds a right CRC32C in front of the other TLVs. */
  readonly crc?: boolean
  /** Bytes after the TLVs that are still inside the header. */
  readonly rest?: Buffer
  /** Instead of the true length of what follows. */
  readonly length?: number
}

/** A v2 header, right by default and wrong where the test says so. */
export function buildV2(parts: V2Parts = {}): Buffer {
  const tlvs = (parts.tlvs ?? []).map(tlvBytes)
  if (parts.crc === true) tlvs.unshift(tlvBytes({ type: TLV_CRC32C, value: Buffer.alloc(4) }))
  const addresses = parts.addresses ?? v4Addresses('203.0.113.9', 40001, '198.51.100.7', 443)
  const body = Buffer.concat([addresses, ...tlvs, parts.rest ?? Buffer.alloc(0)])
  const header = Buffer.concat([
    V2_SIGNATURE,
    Buffer.from([parts.versionCommand ?? 0x21, parts.familyTransport ?? 0x11, 0, 0]),
    body,
  ])
  header.writeUInt16BE(parts.length ?? body.length, 14)
  if (parts.crc === true) header.writeUInt32BE(crc32c(header), 16 + addresses.length + 3)
  return header
}

export function tlvBytes(tlv: Tlv): Buffer {
  const head = Buffer.from([tlv.type, 0, 0])
  head.writeUInt16BE(tlv.value.length, 1)
  return Buffer.concat([head, tlv.value])
}

export function v4Addresses(source: string, sourcePort: number, destination: string, destinationPort: number): Buffer {
  const bytes = Buffer.alloc(12)
  Buffer.from(source.split('.').map(Number)).copy(bytes, 0)
  Buffer.from(destination.split('.').map(Number)).copy(bytes, 4)
  bytes.writeUInt16BE(sourcePort, 8)
  bytes.writeUInt16BE(destinationPort, 10)
  return bytes
}

/** Addresses as 32 hex digits each. */
export function v6Addresses(source: string, sourcePort: number, destination: string, destinationPort: number): Buffer {
  const bytes = Buffer.alloc(36)
  Buffer.from(source, 'hex').copy(bytes, 0)
  Buffer.from(destination, 'hex').copy(bytes, 16)
  bytes.writeUInt16BE(sourcePort, 32)
  bytes.writeUInt16BE(destinationPort, 34)
  return bytes
}
