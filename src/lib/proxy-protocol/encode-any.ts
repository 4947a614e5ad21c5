/**
 * Any PROXY header a sender may legally emit, LOCAL and UNSPEC included. It allocates and shares no code
 * with encode.ts, so that each can be held against the other; traffic uses encode.ts.
 */
import { formatIp, parseIp, type SocketAddress } from '../ip.ts'
import { crc32c } from './crc32c.ts'
import { TLV_TYPES, type Tlv } from './tlv.ts'
import { V2_COMMANDS, V2_FAMILIES, V2_FIXED_BYTES, V2_SIGNATURE, V2_TRANSPORTS, V2_VERSION } from './wire.ts'

/** Who speaks with whom, as a header says it. */
export interface SocketAddressPair {
  readonly source: SocketAddress
  readonly destination: SocketAddress
}

export interface V2Header {
  /** `local`: the sender speaks for itself, as in a health check. */
  readonly command: keyof typeof V2_COMMANDS
  /** Absent: family and transport UNSPEC and no address block. */
  readonly addresses?: SocketAddressPair
  /** `stream` where it is absent. */
  readonly transport?: 'stream' | 'dgram'
  readonly tlvs?: readonly Tlv[]
  /** Adds a CRC32C as the last TLV. */
  readonly crc32c?: boolean
}

/** A v1 line; `PROXY UNKNOWN\r\n` where there are no addresses, which some receivers refuse [PROXY 2.1]. */
export function encodeV1(addresses: SocketAddressPair | undefined): Uint8Array {
  if (addresses === undefined) return new TextEncoder().encode('PROXY UNKNOWN\r\n')
  const { source, destination } = addresses
  const ends = [addressBytes(source), addressBytes(destination)]
  const isIpv4 = ends.every((bytes) => bytes.length === 4)
  const [from, to] = ends.map((bytes) =>
    bytes.length === 4 && !isIpv4 ? `::ffff:${formatIp(bytes)}` : formatIp(bytes),
  )
  const ports = `${checkedPort(source)} ${checkedPort(destination)}`
  return new TextEncoder().encode(`PROXY ${isIpv4 ? 'TCP4' : 'TCP6'} ${from} ${to} ${ports}\r\n`)
}

/** A v2 header [PROXY 2.2]. Throws RangeError for an address, a port or a length that cannot be said. */
export function encodeV2(header: V2Header): Uint8Array {
  const tlvs = [...(header.tlvs ?? [])]
  if (header.crc32c) tlvs.push({ type: TLV_TYPES.crc32c, value: new Uint8Array(4) })
  const { familyByte, block } = addressBlock(header)
  const body = Buffer.concat([block, ...tlvs.map(encodeTlv)])
  if (body.length > 0xffff)
    throw new RangeError(`Cannot encode a PROXY header: ${body.length} bytes behind the first 16`)
  const fixed = Buffer.alloc(V2_FIXED_BYTES)
  fixed.set(V2_SIGNATURE)
  fixed[12] = (V2_VERSION << 4) | V2_COMMANDS[header.command]
  fixed[13] = familyByte
  fixed.writeUInt16BE(body.length, 14)
  const bytes = Buffer.concat([fixed, body])
  if (header.crc32c) bytes.writeInt32BE(crc32c(bytes, 0, bytes.length), bytes.length - 4)
  return new Uint8Array(bytes)
}

function addressBlock(header: V2Header): { familyByte: number; block: Uint8Array } {
  if (header.addresses === undefined) return { familyByte: 0, block: new Uint8Array(0) }
  const { source, destination } = header.addresses
  const ends = [addressBytes(source), addressBytes(destination)]
  const isIpv4 = ends.every((bytes) => bytes.length === 4)
  const family = isIpv4 ? V2_FAMILIES.ipv4 : V2_FAMILIES.ipv6
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(checkedPort(source), 0)
  ports.writeUInt16BE(checkedPort(destination), 2)
  return {
    familyByte: (family << 4) | V2_TRANSPORTS[header.transport ?? 'stream'],
    block: Buffer.concat([...(isIpv4 ? ends : ends.map(asIpv6)), ports]),
  }
}

function addressBytes({ address }: SocketAddress): Uint8Array {
  const bytes = parseIp(address)
  if (bytes === undefined) throw new RangeError(`Cannot encode a PROXY header: ${address} is not an IP address`)
  return bytes
}

function checkedPort({ port }: SocketAddress): number {
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
    throw new RangeError(`Cannot encode a PROXY header: ${port} is not a port`)
  }
  return port
}

function asIpv6(bytes: Uint8Array): Uint8Array {
  return bytes.length === 16 ? bytes : Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes)
}

function encodeTlv({ type, value }: Tlv): Uint8Array {
  if (value.length > 0xffff) throw new RangeError(`Cannot encode a PROXY header: a TLV of ${value.length} bytes`)
  return Buffer.concat([Uint8Array.of(type, value.length >> 8, value.length & 0xff), value])
}
