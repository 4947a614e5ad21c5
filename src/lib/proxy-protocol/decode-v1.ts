/**
 * The v1 line, judged field by field as it comes in [PROXY 2.1]:
 *
 *   PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n
 */
import { parseIp, type IpFamily } from '../ip.ts'
import { invalid, NEED_MORE, type DecodedProxyHeader, type ProxyHeaderAddresses } from './decoded.ts'
import type { HeaderFault } from './fault.ts'
import { V1_LINE_BYTES_MAX } from './wire.ts'

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20

const PREFIX = asciiBytes('PROXY ')
const UNKNOWN = asciiBytes('UNKNOWN')
const TCP4 = asciiBytes('TCP4 ')
const TCP6 = asciiBytes('TCP6 ')

interface Field {
  /** 1 for every byte the field may hold. */
  readonly alphabet: Uint8Array
  readonly textBytesMax: number
  readonly fault: HeaderFault
  /** The only byte that may end the field. */
  readonly terminator: number
}

/** No zone index: `%` is in no alphabet. Dots in TCP6 are for `::ffff:192.0.2.1`, which real senders write. */
const IPV4: Field = { alphabet: bytesOf('0123456789.'), textBytesMax: 15, fault: 'v1-address', terminator: SPACE }
const IPV6: Field = {
  alphabet: bytesOf('0123456789abcdefABCDEF:.'),
  textBytesMax: 45,
  fault: 'v1-address',
  terminator: SPACE,
}
const PORT: Field = { alphabet: bytesOf('0123456789'), textBytesMax: 5, fault: 'v1-port', terminator: SPACE }
const LAST_PORT: Field = { ...PORT, terminator: CR }
const TCP4_FIELDS: readonly Field[] = [IPV4, IPV4, PORT, LAST_PORT]
const TCP6_FIELDS: readonly Field[] = [IPV6, IPV6, PORT, LAST_PORT]

/** Instead of an offset: the text differs, or it is cut where the received bytes end. */
const DIFFERS = -1
const CUT = -2

export function decodeV1(bytes: Uint8Array, start: number, end: number): DecodedProxyHeader {
  const limit = Math.min(end, start + V1_LINE_BYTES_MAX)
  const protocolAt = skipText(PREFIX, bytes, start, limit)
  if (protocolAt === DIFFERS) return invalid('not-a-header')
  if (protocolAt === CUT) return NEED_MORE

  const behindTcp4 = skipText(TCP4, bytes, protocolAt, limit)
  if (behindTcp4 >= 0) return decodeTcp(4, bytes, start, behindTcp4, limit)
  const behindTcp6 = skipText(TCP6, bytes, protocolAt, limit)
  if (behindTcp6 >= 0) return decodeTcp(6, bytes, start, behindTcp6, limit)
  const behindUnknown = skipText(UNKNOWN, bytes, protocolAt, limit)
  if (behindUnknown >= 0) return decodeUnknown(bytes, start, behindUnknown, limit)
  const isCut = behindTcp4 === CUT || behindTcp6 === CUT || behindUnknown === CUT
  return isCut ? NEED_MORE : invalid('v1-protocol')
}

function skipText(text: Uint8Array, bytes: Uint8Array, at: number, limit: number): number {
  for (let i = 0; i < text.length; i++) {
    if (at + i >= limit) return CUT
    if (bytes[at + i] !== text[i]) return DIFFERS
  }
  return at + text.length
}

/** Whatever stands between UNKNOWN and CRLF is ignored; a lone CR or LF there ends nothing. */
function decodeUnknown(bytes: Uint8Array, start: number, at: number, limit: number): DecodedProxyHeader {
  if (at < limit && bytes[at] === LF) return invalid('v1-line-end')
  if (at < limit && bytes[at] !== SPACE && bytes[at] !== CR) return invalid('v1-protocol')
  if (at + 1 < limit && bytes[at] === CR && bytes[at + 1] !== LF) return invalid('v1-line-end')
  for (let i = at; i + 1 < limit; i++) {
    if (bytes[i] === CR && bytes[i + 1] === LF) return v1Header(undefined, i + 2 - start)
  }
  return needMoreOrTooLong(bytes, start, limit)
}

function decodeTcp(family: IpFamily, bytes: Uint8Array, start: number, at: number, limit: number): DecodedProxyHeader {
  const texts: string[] = []
  for (const field of family === 4 ? TCP4_FIELDS : TCP6_FIELDS) {
    let fieldEnd = at
    while (fieldEnd < limit && field.alphabet[bytes[fieldEnd]] === 1) fieldEnd++
    if (fieldEnd - at > field.textBytesMax) return invalid(field.fault)
    if (fieldEnd === limit) return needMoreOrTooLong(bytes, start, limit)
    if (bytes[fieldEnd] !== field.terminator) return invalid(faultOfTerminator(bytes[fieldEnd], field))
    const text = String.fromCharCode(...bytes.subarray(at, fieldEnd))
    if (field.fault === 'v1-port' ? !isPort(text) : !isAddress(text, family)) return invalid(field.fault)
    texts.push(text)
    at = fieldEnd + 1
  }
  if (at === limit) return needMoreOrTooLong(bytes, start, limit)
  if (bytes[at] !== LF) return invalid('v1-line-end')
  return v1Header(addressesOf(texts), at + 1 - start)
}

function faultOfTerminator(byte: number, field: Field): HeaderFault {
  const isAboutTheEnd = byte === CR || byte === LF || (field === LAST_PORT && byte === SPACE)
  return isAboutTheEnd ? 'v1-line-end' : field.fault
}

/** One byte before the wall only a CR leaves room for the LF. */
function needMoreOrTooLong(bytes: Uint8Array, start: number, limit: number): DecodedProxyHeader {
  const room = start + V1_LINE_BYTES_MAX - limit
  return room === 0 || (room === 1 && bytes[limit - 1] !== CR) ? invalid('v1-too-long') : NEED_MORE
}

/** The family of the line dictates the format: `parseIp` alone would take either. */
function isAddress(text: string, family: IpFamily): boolean {
  return text.includes(':') === (family === 6) && parseIp(text) !== undefined
}

function isPort(text: string): boolean {
  return (text === '0' || /^[1-9]\d*$/.test(text)) && Number(text) <= 0xffff
}

function addressesOf([source, destination, sourcePort, destinationPort]: readonly string[]): ProxyHeaderAddresses {
  return { source: addressOf(source, sourcePort), destination: addressOf(destination, destinationPort) }
}

function addressOf(text: string, port: string): ProxyHeaderAddresses['source'] {
  const address = parseIp(text) as Uint8Array
  return { family: address.length === 4 ? 4 : 6, address, port: Number(port) }
}

function v1Header(addresses: ProxyHeaderAddresses | undefined, headerBytes: number): DecodedProxyHeader {
  return { kind: 'header', version: 1, command: 'proxy', addresses, tlvs: [], isCrc32cVerified: false, headerBytes }
}

function asciiBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function bytesOf(alphabet: string): Uint8Array {
  const isMember = new Uint8Array(256)
  for (const byte of asciiBytes(alphabet)) isMember[byte] = 1
  return isMember
}
