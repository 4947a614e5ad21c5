/**
 * Server name and ALPN out of a TLS ClientHello, without TLS: for who relays the bytes as they are [RFC 8446 4.1.2].
 * Clients choose every byte; what is not exactly as it should be is no ClientHello.
 *
 *   record: 22 | version 2 | length 2 |  handshake: 1 | length 3 | version 2 | random 32 | session id <8>
 *           | cipher suites <16> | compression methods <8> | extensions <16>: (type 2 | value <16>) ...
 */

/** Where the values stand in the bytes that were read. Filled anew by each `readClientHello`. */
export interface ClientHelloPlaces {
  serverNameAt: number
  /** 0: there is none. */
  serverNameBytes: number
  alpnAt: number
  /** 0: none is offered, or several: which one the server takes can't be known. */
  alpnBytes: number
}

const RECORD_HEADER_BYTES = 5
const HANDSHAKE_HEADER_BYTES = 4
const HANDSHAKE_RECORD = 22
const CLIENT_HELLO = 1
const VERSION_AND_RANDOM_BYTES = 34
const EXTENSION = { serverName: 0, alpn: 16 } as const
const HOST_NAME = 0
/** [RFC 1035 2.3.4], and PP2_TYPE_AUTHORITY's value must fit beside the rest of a header. */
export const SERVER_NAME_BYTES_MAX = 255
export const ALPN_BYTES_MAX = 255

/** False when the bytes from `start` to `end` do not begin with a whole ClientHello in one record; allocates nothing. */
export function readClientHello(bytes: Uint8Array, start: number, end: number, into: ClientHelloPlaces): boolean {
  into.serverNameBytes = 0
  into.alpnBytes = 0
  const bodyAt = start + RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES
  if (end < bodyAt || bytes[start] !== HANDSHAKE_RECORD || bytes[start + 1] !== 3) return false
  const recordEnd = start + RECORD_HEADER_BYTES + uint16(bytes, start + 3)
  const helloEnd = bodyAt + (bytes[bodyAt - 3] << 16) + uint16(bytes, bodyAt - 2)
  if (bytes[bodyAt - 4] !== CLIENT_HELLO || helloEnd > recordEnd || recordEnd > end) return false
  const extensionsAt = skipToExtensions(bytes, bodyAt, helloEnd)
  if (extensionsAt === -1) return false
  return readExtensions(bytes, extensionsAt, helloEnd, into)
}

/** Where the extensions begin, after their length; -1 when the fields before them do not fit. */
function skipToExtensions(bytes: Uint8Array, bodyAt: number, end: number): number {
  let at = bodyAt + VERSION_AND_RANDOM_BYTES
  if (at + 1 > end) return -1
  at += 1 + bytes[at]
  if (at + 2 > end) return -1
  at += 2 + uint16(bytes, at)
  if (at + 1 > end) return -1
  at += 1 + bytes[at]
  if (at + 2 > end || at + 2 + uint16(bytes, at) !== end) return -1
  return at + 2
}

function readExtensions(bytes: Uint8Array, start: number, end: number, into: ClientHelloPlaces): boolean {
  for (let at = start; at < end;) {
    if (at + 4 > end) return false
    const type = uint16(bytes, at)
    const valueAt = at + 4
    const valueEnd = valueAt + uint16(bytes, at + 2)
    if (valueEnd > end) return false
    if (type === EXTENSION.serverName && !readServerName(bytes, valueAt, valueEnd, into)) return false
    if (type === EXTENSION.alpn && !readAlpn(bytes, valueAt, valueEnd, into)) return false
    at = valueEnd
  }
  return true
}

/** A list of one name, the only form in use [RFC 6066 3]. */
function readServerName(bytes: Uint8Array, at: number, end: number, into: ClientHelloPlaces): boolean {
  const nameAt = at + 5
  if (nameAt > end || uint16(bytes, at) !== end - at - 2 || bytes[at + 2] !== HOST_NAME) return false
  const nameBytes = uint16(bytes, at + 3)
  if (nameAt + nameBytes !== end || nameBytes === 0 || nameBytes > SERVER_NAME_BYTES_MAX) return false
  if (!isPrintable(bytes, nameAt, end)) return false
  into.serverNameAt = nameAt
  into.serverNameBytes = nameBytes
  return true
}

/** [RFC 7301 3.1] */
function readAlpn(bytes: Uint8Array, at: number, end: number, into: ClientHelloPlaces): boolean {
  if (at + 3 > end || uint16(bytes, at) !== end - at - 2) return false
  let protocols = 0
  let protocolAt = at + 2
  while (protocolAt < end) {
    const length = bytes[protocolAt]
    if (length === 0 || protocolAt + 1 + length > end) return false
    protocols++
    protocolAt += 1 + length
  }
  if (protocols !== 1) return true
  into.alpnAt = at + 3
  into.alpnBytes = bytes[at + 2]
  return true
}

/** Visible ASCII: a name with anything else in it is somebody's attempt on a log or a map of the upstream. */
function isPrintable(bytes: Uint8Array, at: number, end: number): boolean {
  for (let i = at; i < end; i++) if (bytes[i] < 0x21 || bytes[i] > 0x7e) return false
  return true
}

function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1]
}
