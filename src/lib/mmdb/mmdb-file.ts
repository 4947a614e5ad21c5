/**
 * A MaxMind DB as a whole: what it says of itself, its binary tree, and where its data is. [MaxMind DB 2.0]
 *
 *   tree: nodeCount nodes of two records   16 zero bytes   data   "\xab\xcd\xefMaxMind.com"   metadata
 *
 * A record below nodeCount is the next node; nodeCount itself says that nothing is known; above it, data.
 */
import { MmdbData, MmdbError, NOT_FOUND } from './mmdb-data.ts'

const METADATA_MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1')
/** From the end of the file, where the marker has to be. */
const METADATA_BYTES_MAX = 128 * 1024
const SEPARATOR_BYTES = 16
const TYPE_BYTES_MAX = 256
/** Looking for a field in every record costs less than one step for each byte; damaged files may want any number. */
const STEPS_PER_BYTE = 16
const RECORD_BITS: ReadonlySet<number> = new Set([24, 28, 32])

export class MmdbFile {
  readonly #bytes: Buffer
  readonly #recordBits: number
  readonly nodeCount: number
  readonly ipVersion: 4 | 6
  /** As it says of itself: `GeoLite2-Country`. */
  readonly type: string
  readonly builtAtMs: number
  readonly data: MmdbData

  /** Throws MmdbError. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes
    const markerAt = bytes.lastIndexOf(METADATA_MARKER)
    if (markerAt < 0 || markerAt < bytes.length - METADATA_BYTES_MAX) throw new MmdbError('is no MaxMind DB file')
    const metadata = new Metadata(bytes, markerAt + METADATA_MARKER.length)
    const version = metadata.uint('binary_format_major_version')
    if (version !== 2) throw new MmdbError(`has version ${version} of the MaxMind DB format; expected 2`)
    this.#recordBits = metadata.uint('record_size')
    if (!RECORD_BITS.has(this.#recordBits)) throw new MmdbError(`has records of ${this.#recordBits} bits`)
    const ipVersion = metadata.uint('ip_version')
    if (ipVersion !== 4 && ipVersion !== 6) throw new MmdbError(`is for IP version ${ipVersion}`)
    this.ipVersion = ipVersion
    this.nodeCount = metadata.uint('node_count')
    this.builtAtMs = metadata.uint('build_epoch') * 1000
    if (Number.isNaN(new Date(this.builtAtMs).getTime())) throw new MmdbError('is damaged: it was built at no time')
    this.type = metadata.text('database_type')
    const dataAt = (this.nodeCount * this.#recordBits) / 4 + SEPARATOR_BYTES
    if (this.nodeCount === 0 || dataAt > markerAt) throw new MmdbError('is damaged: its tree does not fit into it')
    this.data = new MmdbData(bytes, dataAt, markerAt, bytes.length * STEPS_PER_BYTE)
  }

  /** The record of a node below nodeCount. */
  record(node: number, side: 0 | 1): number {
    const bytes = this.#bytes
    if (this.#recordBits === 24) return bytes.readUIntBE(node * 6 + side * 3, 3)
    if (this.#recordBits === 32) return bytes.readUInt32BE(node * 8 + side * 4)
    // The middle byte has the highest bits of both.
    const at = node * 7
    const middle = bytes[at + 3]
    return side === 0
      ? (middle >> 4) * 2 ** 24 + bytes.readUIntBE(at, 3)
      : (middle & 15) * 2 ** 24 + bytes.readUIntBE(at + 4, 3)
  }

  /** Where the data of a record above nodeCount is. Throws MmdbError. */
  dataAt(record: number): number {
    const offset = record - this.nodeCount - SEPARATOR_BYTES
    if (offset < 0) throw new MmdbError('is damaged: a record points between tree and data')
    return this.data.start + offset
  }
}

class Metadata {
  readonly #data: MmdbData
  readonly #at: number

  constructor(bytes: Buffer, at: number) {
    this.#data = new MmdbData(bytes, at, bytes.length, METADATA_BYTES_MAX)
    this.#at = at
  }

  uint(key: string): number {
    const at = this.#data.find(this.#at, key)
    const value = at === NOT_FOUND ? undefined : this.#data.uint(at)
    if (value === undefined) throw new MmdbError(`is damaged: it does not say its ${key}`)
    return value
  }

  text(key: string): string {
    const at = this.#data.find(this.#at, key)
    return at === NOT_FOUND ? '' : (this.#data.text(at, TYPE_BYTES_MAX) ?? '')
  }
}
