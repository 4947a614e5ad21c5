/**
 * CRC32C (Castagnoli), the checksum of PP2_TYPE_CRC32C [PROXY 2.2.3, RFC 4960 Appendix B].
 * A byte-wise table is enough: a header is 28 to 190 bytes, and the table stays in the L1 cache.
 */

/** The Castagnoli polynomial 0x1edc6f41, bits reversed. */
const POLYNOMIAL = 0x82f63b78

const TABLE = buildTable()

function buildTable(): Int32Array {
  const table = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL
    table[byte] = crc
  }
  return table
}

/**
 * The checksum of `bytes[start, end)` as a signed 32-bit number: V8 keeps those in a register or a field,
 * while an unsigned one beyond 2^31 is an object on the heap. `>>> 0` gives the number as it is printed.
 */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  return ~updateCrc(-1, bytes, start, end)
}

/** The same with the four bytes at `fieldAt` read as zeros: the receiver's check, which must not write into the stream. */
export function crc32cWithZeroedField(bytes: Uint8Array, start: number, end: number, fieldAt: number): number {
  let crc = updateCrc(-1, bytes, start, fieldAt)
  for (let i = 0; i < 4; i++) crc = TABLE[crc & 0xff] ^ (crc >>> 8)
  return ~updateCrc(crc, bytes, fieldAt + 4, end)
}

function updateCrc(crc: number, bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) crc = TABLE[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8)
  return crc
}
