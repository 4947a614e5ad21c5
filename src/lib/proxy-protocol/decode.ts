/**
 * PROXY headers in: strict, bounded, stateless. Nothing is guessed [PROXY 2]: the caller asks only where its
 * configuration says that a header must come, and closes the connection on anything but a header.
 */
import { decodeV1 } from './decode-v1.ts'
import { decodeV2 } from './decode-v2.ts'
import { NEED_MORE, type DecodedProxyHeader } from './decoded.ts'
import { V1_LINE_BYTES_MAX, V2_HEADER_BYTES_MAX, V2_SIGNATURE } from './wire.ts'

/** With so many bytes from the start the answer is never `need-more`; a receive buffer needs no more. */
export const DECODED_HEADER_BYTES_MAX = Math.max(V1_LINE_BYTES_MAX, V2_HEADER_BYTES_MAX)

/**
 * Reads the header that begins at `start`, as far as `end`. Call it again with more bytes from the same start
 * while it says `need-more`; it says `invalid` with the first byte that no header has, and writes nothing.
 */
export function decodeProxyHeader(bytes: Uint8Array, start: number, end: number): DecodedProxyHeader {
  if (end <= start) return NEED_MORE
  return bytes[start] === V2_SIGNATURE[0] ? decodeV2(bytes, start, end) : decodeV1(bytes, start, end)
}
