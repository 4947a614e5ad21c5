/** Why bytes are not a PROXY header. Used by the decoder, the log and docs; the codes are stable. */
export const HEADER_FAULTS = {
  'not-a-header': 'The connection did not begin with a PROXY header.',
  'v1-protocol': 'The v1 line names a protocol other than TCP4, TCP6 and UNKNOWN.',
  'v1-address': 'The v1 line holds an address that is not one of its family in canonical form.',
  'v1-port': 'The v1 line holds a port that is not 0 to 65535 without sign and leading zeros.',
  'v1-line-end': 'The v1 line does not end with CRLF right behind its last field.',
  'v1-too-long': 'The v1 line has no CRLF within 107 bytes.',
  'v2-version': 'The binary header has a version other than 2.',
  'v2-command': 'The v2 header has a command other than LOCAL and PROXY.',
  'v2-family': 'The v2 header has an undefined address family or transport.',
  'v2-too-long': 'The v2 header is longer than 4096 bytes.',
  'v2-address-length': 'The v2 header is too short for the addresses of its family.',
  'v2-tlv-length': 'The TLVs of the v2 header do not end where the header ends.',
  'v2-unique-id': 'The v2 header holds a unique id of more than 128 bytes.',
  'v2-crc32c-length': 'The v2 header holds a CRC32C that is not 4 bytes long.',
  'v2-crc32c-twice': 'The v2 header holds more than one CRC32C.',
  'v2-crc32c-wrong': 'The CRC32C of the v2 header does not match its bytes.',
} as const

export type HeaderFault = keyof typeof HEADER_FAULTS
