/** The type-length-value fields behind the addresses of a v2 header [PROXY 2.2]. */

export interface Tlv {
  /** 0..255; see TLV_TYPES. Types we have no name for are carried as they are. */
  readonly type: number
  /** At most 65535 bytes. */
  readonly value: Uint8Array
}

/** The registered types [PROXY 2.2.1 to 2.2.7]; 0xe0..0xef belong to applications, 0xf0..0xf7 to experiments. */
export const TLV_TYPES = {
  alpn: 0x01,
  authority: 0x02,
  crc32c: 0x03,
  noop: 0x04,
  uniqueId: 0x05,
  ssl: 0x20,
  netns: 0x30,
} as const

/** Type and big-endian length in front of every value. */
export const TLV_HEADER_BYTES = 3
export const CRC32C_BYTES = 4
/** [PROXY 2.2.5] */
export const UNIQUE_ID_BYTES_MAX = 128
