/** Writes MaxMind DB files as vendors do: records of 24, 28 or 32 bits, IPv4 in the IPv6 tree, pointers to what was written before. */
import { parseNetwork } from '../../src/lib/ip.ts'

export type MmdbValue =
  | string
  | number
  | bigint
  | boolean
  | readonly MmdbValue[]
  | { readonly [key: string]: MmdbValue }

export interface MmdbOptions {
  readonly recordBits?: 24 | 28 | 32
  readonly ipVersion?: 4 | 6
  readonly type?: string
  readonly builtAtMs?: number
  /** False: everything is written out. */
  readonly hasPointers?: boolean
  /** What the file says of itself otherwise. */
  readonly metadata?: Readonly<Record<string, MmdbValue>>
}

/** `192.0.2.0/24` and its record; later networks win over earlier ones. */
export type MmdbNetworks = Readonly<Record<string, MmdbValue>>

const METADATA_MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1')

export function mmdb(networks: MmdbNetworks, options: MmdbOptions = {}): Buffer {
  const { recordBits = 24, ipVersion = 6, hasPointers = true } = options
  const tree = new Tree()
  const data = new DataWriter(hasPointers)
  for (const [text, value] of Object.entries(networks)) tree.set(bitsOf(text, ipVersion), data.write(value))
  const count = tree.nodes.length
  const nodes = tree.nodes.map(([left, right]) => {
    const record = (to: Target): number => {
      if (to === undefined) return count
      return to.kind === 'node' ? to.index : count + 16 + to.at
    }
    return nodeBytes(record(left), record(right), recordBits)
  })
  return mmdbOf(nodes, data.bytes(), options)
}

/** Of nodes and data as they are, right or wrong. */
export function mmdbOf(nodes: readonly Buffer[], data: Buffer, options: MmdbOptions = {}): Buffer {
  const { recordBits = 24, ipVersion = 6, type = 'Test', builtAtMs = Date.now(), metadata: changes } = options
  const metadata = new DataWriter(false)
  metadata.write({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: BigInt(Math.floor(builtAtMs / 1000)),
    database_type: type,
    description: { en: 'written by a test' },
    ip_version: ipVersion,
    languages: ['en'],
    node_count: nodes.length,
    record_size: recordBits,
    ...changes,
  })
  return Buffer.concat([...nodes, Buffer.alloc(16), data, METADATA_MARKER, metadata.bytes()])
}

export function nodeBytes(left: number, right: number, recordBits: 24 | 28 | 32): Buffer {
  const bytes = Buffer.alloc(recordBits / 4)
  if (recordBits === 32) {
    bytes.writeUInt32BE(left, 0)
    bytes.writeUInt32BE(right, 4)
    return bytes
  }
  const low = 2 ** 24
  bytes.writeUIntBE(left % low, 0, 3)
  bytes.writeUIntBE(right % low, bytes.length - 3, 3)
  if (recordBits === 28) bytes[3] = (Math.floor(left / low) << 4) | Math.floor(right / low)
  return bytes
}

function bitsOf(text: string, ipVersion: 4 | 6): number[] {
  const network = parseNetwork(text)
  if (network === undefined) throw new Error(`${text} is no network`)
  const bits = Array.from(network.bytes, (byte) => Array.from({ length: 8 }, (_, i) => (byte >> (7 - i)) & 1)).flat()
  const own = bits.slice(0, network.prefixLength)
  return network.family === 4 && ipVersion === 6 ? [...Array.from({ length: 96 }, () => 0), ...own] : own
}

type Target =
  | { readonly kind: 'node'; readonly index: number }
  | { readonly kind: 'data'; readonly at: number }
  | undefined

class Tree {
  readonly nodes: [Target, Target][] = [[undefined, undefined]]

  set(bits: readonly number[], at: number): void {
    let node = this.nodes[0]
    for (const bit of bits.slice(0, -1)) {
      const to = node[bit]
      if (to?.kind === 'node') {
        node = this.nodes[to.index]
        continue
      }
      // What was said of the larger network goes on for the rest of it.
      node[bit] = { kind: 'node', index: this.nodes.length }
      node = [to, to]
      this.nodes.push(node)
    }
    if (bits.length === 0)
      this.nodes[0] = [
        { kind: 'data', at },
        { kind: 'data', at },
      ]
    else node[bits[bits.length - 1]] = { kind: 'data', at }
  }
}

const TYPE = { text: 2, uint32: 6, map: 7, uint64: 9, array: 11, boolean: 14 } as const

class DataWriter {
  readonly #parts: Buffer[] = []
  #size = 0
  readonly #hasPointers: boolean
  readonly #placeByValue = new Map<string, number>()

  constructor(hasPointers: boolean) {
    this.#hasPointers = hasPointers
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  /** Where it is; a value that is there already is not written again. */
  write(value: MmdbValue): number {
    const key = keyOf(value)
    const known = this.#placeByValue.get(key)
    if (known !== undefined) return known
    const at = this.#size
    this.#append(value, true)
    this.#placeByValue.set(key, at)
    return at
  }

  #append(value: MmdbValue, isRecord = false): void {
    const known = this.#placeByValue.get(keyOf(value))
    const isWorthIt = typeof value === 'object' || (typeof value === 'string' && value.length > 2)
    if (known !== undefined && this.#hasPointers && isWorthIt) return this.#push(pointer(known))
    if (!isRecord && isWorthIt) this.#placeByValue.set(keyOf(value), this.#size)
    if (typeof value === 'string') this.#push(header(TYPE.text, Buffer.byteLength(value)), Buffer.from(value))
    else if (typeof value === 'number') this.#appendUint(TYPE.uint32, BigInt(value))
    else if (typeof value === 'bigint') this.#appendUint(TYPE.uint64, value)
    else if (typeof value === 'boolean') this.#push(header(TYPE.boolean, value ? 1 : 0))
    else if (Array.isArray(value)) {
      this.#push(header(TYPE.array, value.length))
      for (const item of value as readonly MmdbValue[]) this.#append(item)
    } else {
      const entries = Object.entries(value as Record<string, MmdbValue>)
      this.#push(header(TYPE.map, entries.length))
      for (const [key, item] of entries) {
        this.#append(key)
        this.#append(item)
      }
    }
  }

  #appendUint(type: number, value: bigint): void {
    const hex = value === 0n ? '' : value.toString(16)
    const bytes = Buffer.from(hex.length % 2 === 1 ? `0${hex}` : hex, 'hex')
    this.#push(header(type, bytes.length), bytes)
  }

  #push(...parts: Buffer[]): void {
    for (const part of parts) {
      this.#parts.push(part)
      this.#size += part.length
    }
  }
}

function keyOf(value: MmdbValue): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner))
}

export function header(type: number, size: number): Buffer {
  const long = size < 29 ? [] : size < 285 ? [size - 29] : [(size - 285) >> 8, (size - 285) & 255]
  const short = size < 29 ? size : 28 + long.length
  return type < 8 ? Buffer.from([(type << 5) | short, ...long]) : Buffer.from([short, type - 7, ...long])
}

export function pointer(at: number): Buffer {
  if (at < 2048) return Buffer.from([0x20 | (at >> 8), at & 255])
  if (at < 526_336) {
    const rest = at - 2048
    return Buffer.from([0x28 | (rest >> 16), (rest >> 8) & 255, rest & 255])
  }
  const rest = at - 526_336
  return Buffer.from([0x30 | (rest >> 24), (rest >> 16) & 255, (rest >> 8) & 255, rest & 255])
}
