/**
 * For the tests beside it, and named as one so that it is not published: headers as bytes, also those that no
 * encoder of ours writes, and one way to feed them to the decoder.
 */
import assert from 'node:assert/strict'
import { formatIp, formatSocketAddress } from '../ip.ts'
import { decodeProxyHeader } from './decode.ts'
import type { DecodedProxyHeader, ProxyHeader, ProxyHeaderAddress } from './decoded.ts'
import type { HeaderFault } from './fault.ts'
import { V2_SIGNATURE } from './wire.ts'

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'))
}

export function fromAscii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

/** `versionAndCommand` and `family` are bytes 12 and 13; `length` is told as it is where it is given. */
export function rawV2(versionAndCommand: number, family: number, body: Uint8Array, length = body.length): Uint8Array {
  return Uint8Array.of(...V2_SIGNATURE, versionAndCommand, family, length >> 8, length & 0xff, ...body)
}

/** 192.0.2.1:56324 to 198.51.100.2:443. */
export const IPV4_BLOCK = fromHex('c0000201 c6336402 dc04 01bb')
/** [2001:db8::1]:56324 to [2001:db8::2]:443. */
export const IPV6_BLOCK = fromHex('20010db8000000000000000000000001 20010db8000000000000000000000002 dc04 01bb')

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/**
 * The verdict and how many bytes it took, fed byte by byte. Fails where the verdict would change with more bytes,
 * with bytes in front of the start, or where the decoder writes into what it reads.
 */
export function decodeGrowing(bytes: Uint8Array): { verdict: DecodedProxyHeader; bytesNeeded: number } {
  const before = bytes.slice()
  let bytesNeeded = 0
  while (bytesNeeded < bytes.length && decodeProxyHeader(bytes, 0, bytesNeeded).kind === 'need-more') bytesNeeded++
  const verdict = decodeProxyHeader(bytes, 0, bytesNeeded)
  for (const end of [bytesNeeded + 1, (bytesNeeded + bytes.length) >> 1, bytes.length]) {
    if (end > bytesNeeded && end <= bytes.length) assert.deepEqual(decodeProxyHeader(bytes, 0, end), verdict)
  }
  const shifted = concat(fromAscii('PROXY '), bytes)
  for (const end of new Set([0, bytesNeeded >> 1, Math.max(0, bytesNeeded - 1), bytesNeeded, bytes.length])) {
    assert.deepEqual(decodeProxyHeader(shifted, 6, 6 + end), decodeProxyHeader(bytes, 0, end))
  }
  assert.deepEqual(bytes, before)
  return { verdict, bytesNeeded }
}

/** `bytesNeeded`: with so many bytes the decoder must already know. */
export function assertInvalid(bytes: Uint8Array, reason: HeaderFault, bytesNeeded?: number): void {
  const decoded = decodeGrowing(bytes)
  assert.equal(decoded.verdict.kind === 'invalid' ? decoded.verdict.reason : decoded.verdict.kind, reason)
  if (bytesNeeded !== undefined) assert.equal(decoded.bytesNeeded, bytesNeeded)
}

/** The header of the bytes; the payload behind it must not be needed to know it, nor be counted to it. */
export function assertHeader(bytes: Uint8Array, headerBytes = bytes.length): ProxyHeader {
  const { verdict, bytesNeeded } = decodeGrowing(bytes)
  assert.ok(verdict.kind === 'header', `${verdict.kind} ${verdict.kind === 'invalid' ? verdict.reason : ''}`)
  assert.equal(bytesNeeded, headerBytes)
  assert.equal(verdict.headerBytes, headerBytes)
  return verdict
}

/** `192.0.2.1:56324 > 198.51.100.2:443`, or `none`. */
export function addressesText({ addresses }: ProxyHeader): string {
  return addresses === undefined ? 'none' : `${addressText(addresses.source)} > ${addressText(addresses.destination)}`
}

function addressText({ family, address, port }: ProxyHeaderAddress): string {
  return formatSocketAddress({ family, address: formatIp(address), port })
}
