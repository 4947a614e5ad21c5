/** What the decoder says about the bytes it was shown. */
import type { IpFamily } from '../ip.ts'
import { HEADER_FAULTS, type HeaderFault } from './fault.ts'
import type { Tlv } from './tlv.ts'

export type DecodedProxyHeader = NeedMore | InvalidHeader | ProxyHeader

/** Valid so far, not complete: call again with more bytes from the same start. */
export interface NeedMore {
  readonly kind: 'need-more'
}

/** No further byte can make it a header: close the connection [PROXY 2.1, 2.2]. */
export interface InvalidHeader {
  readonly kind: 'invalid'
  readonly reason: HeaderFault
  readonly message: string
}

export interface ProxyHeader {
  readonly kind: 'header'
  readonly version: 1 | 2
  readonly command: 'local' | 'proxy'
  /** Undefined: the header names nobody (LOCAL, UNKNOWN, UNSPEC, UDP, UNIX), the real ends of the connection count. */
  readonly addresses: ProxyHeaderAddresses | undefined
  /** In the order sent, duplicates and unknown types included; NOOP and CRC32C, which speak of the header itself, left out. */
  readonly tlvs: readonly Tlv[]
  /** A CRC32C was there, and it was right. */
  readonly isCrc32cVerified: boolean
  /** The payload begins so many bytes behind the start. */
  readonly headerBytes: number
}

/** The connection the sender of the header speaks for. */
export interface ProxyHeaderAddresses {
  /** The client. */
  readonly source: ProxyHeaderAddress
  /** Where the client connected to. */
  readonly destination: ProxyHeaderAddress
}

export interface ProxyHeaderAddress {
  /** Mapped IPv4 has become 4. */
  readonly family: IpFamily
  /** A copy of its own: 4 or 16 bytes in network order. */
  readonly address: Uint8Array
  readonly port: number
}

export const NEED_MORE: NeedMore = { kind: 'need-more' }

// Made once: a flood of garbage must not cost an object for each refusal.
const INVALID = new Map(
  Object.entries(HEADER_FAULTS).map(([reason, message]): [string, InvalidHeader] => [
    reason,
    { kind: 'invalid', reason: reason as HeaderFault, message },
  ]),
)

export function invalid(reason: HeaderFault): InvalidHeader {
  return INVALID.get(reason) as InvalidHeader
}
