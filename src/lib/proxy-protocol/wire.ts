/**
 * The constants both directions share.
 *
 *   v2:  0           12        13        14        16
 *        +-----------+---------+---------+---------+-----------+------+
 *        | signature | version | family  | length  | addresses | TLVs |
 *        |           | command | transp. | (BE)    | 0 12 36   |      |
 *        +-----------+---------+---------+---------+-----------+------+
 *                                                  |<---- length ---->|
 */

/** `\r\n\r\n\0\r\nQUIT\n` [PROXY 2.2]. */
export const V2_SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a)
export const V2_VERSION = 2
/** Signature, version and command, family and transport, length. */
export const V2_FIXED_BYTES = 16
/** Two addresses and two ports [PROXY 2.2]. */
export const V2_IPV4_BYTES = 12
export const V2_IPV6_BYTES = 36
/** Two paths of 108 bytes, no ports. */
export const V2_UNIX_BYTES = 216

/** Low half of byte 12. */
export const V2_COMMANDS = { local: 0, proxy: 1 } as const
/** High half of byte 13. */
export const V2_FAMILIES = { unspec: 0, ipv4: 1, ipv6: 2, unix: 3 } as const
/** Low half of byte 13. */
export const V2_TRANSPORTS = { unspec: 0, stream: 1, dgram: 2 } as const

/** The longest legal v1 line with its CRLF: `PROXY UNKNOWN`, two full IPv6 addresses, two 5-digit ports [PROXY 2.1]. */
export const V1_LINE_BYTES_MAX = 107
/** Ours, not the protocol's 65551: room for a client certificate and then some; a sender can hold no more memory than this. */
export const V2_HEADER_BYTES_MAX = 4096
