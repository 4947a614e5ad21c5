/** A toy name server on loopback: what it knows is an object, and it may be broken or silent [RFC 1035 4.1]. */
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { parseIp } from '../../src/lib/ip.ts'

const TYPES = { A: 1, NS: 2, CNAME: 5, MX: 15, TXT: 16, AAAA: 28 } as const
type RecordType = keyof typeof TYPES

export type Zone = Readonly<
  Record<string, Readonly<Partial<Record<RecordType, readonly string[]>>> & { readonly ttl?: number }>
>

export class NameServer {
  readonly port: number
  /** May be exchanged. Names in `broken` get SERVFAIL, those in `silent` no answer. */
  zone: Zone
  broken: readonly string[] = []
  silent: readonly string[] = []
  /** `A www.example` for each question. */
  readonly asked: string[] = []
  readonly #socket

  private constructor(socket: ReturnType<typeof createSocket>, zone: Zone) {
    this.#socket = socket
    this.zone = zone
    this.port = socket.address().port
    socket.on('message', (query, from) => this.#answer(query, from))
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  static async start(zone: Zone): Promise<NameServer> {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new NameServer(socket, zone)
  }

  close(): void {
    this.#socket.close()
  }

  #answer(query: Buffer, from: RemoteInfo): void {
    const end = query.indexOf(0, 12) + 1
    const question = query.subarray(12, end + 4)
    const name = readLabels(query.subarray(12, end)).toLowerCase()
    const type = (Object.keys(TYPES) as RecordType[]).find((type) => TYPES[type] === query.readUInt16BE(end))
    this.asked.push(`${type} ${name}`)
    if (this.silent.includes(name) || type === undefined) return
    const { records, isKnown } = this.#lookUp(name, type)
    const code = this.broken.includes(name) ? 2 : isKnown ? 0 : 3
    const header = Buffer.from([query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, records.length, 0, 0, 0, 0])
    this.#socket.send(Buffer.concat([header, question, ...records]), from.port, from.address)
  }

  /** Aliases are followed as a resolver does, as long as they are known here. */
  #lookUp(name: string, type: RecordType): { records: Buffer[]; isKnown: boolean } {
    const records: Buffer[] = []
    let at = name
    for (let hops = 0; hops < 10; hops++) {
      const known = this.zone[at]
      if (known === undefined) return { records, isKnown: records.length > 0 }
      const ttl = known.ttl ?? 300
      const alias = known.CNAME?.[0]
      if (alias === undefined || type === 'CNAME') {
        return {
          records: [...records, ...(known[type] ?? []).map((value) => record(at, type, ttl, value))],
          isKnown: true,
        }
      }
      records.push(record(at, 'CNAME', ttl, alias))
      at = alias
    }
    return { records, isKnown: true }
  }
}

function record(name: string, type: RecordType, ttl: number, value: string): Buffer {
  const data = dataOf(type, value)
  const head = Buffer.alloc(10)
  head.writeUInt16BE(TYPES[type], 0)
  head.writeUInt16BE(1, 2)
  head.writeUInt32BE(ttl, 4)
  head.writeUInt16BE(data.length, 8)
  return Buffer.concat([writeLabels(name), head, data])
}

function dataOf(type: RecordType, value: string): Buffer {
  if (type === 'A' || type === 'AAAA') return Buffer.from(parseIp(value)!)
  if (type === 'MX') return Buffer.concat([Buffer.from([0, 10]), writeLabels(value)])
  if (type !== 'TXT') return writeLabels(value)
  const parts = value.match(/.{1,200}/gs) ?? ['']
  return Buffer.concat(parts.map((part) => Buffer.concat([Buffer.from([part.length]), Buffer.from(part)])))
}

function writeLabels(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  return Buffer.concat([...labels, Buffer.from([0])])
}

function readLabels(bytes: Buffer): string {
  const labels: string[] = []
  for (let at = 0; bytes[at] !== 0; at += bytes[at] + 1) {
    labels.push(bytes.toString('latin1', at + 1, at + 1 + bytes[at]))
  }
  return labels.join('.')
}
