/**
 * The file that keeps known clients over a restart. Each takes 9 bytes, 13 for IPv6, numbers highest byte first:
 *
 *   8 bytes   `TGKNOWN1`
 *   clients   4 or 6 | when it was last useful, in seconds since 1970 | 4 bytes of its address, of IPv6 8
 *   end       0 | number of clients | CRC-32 of all before it
 *
 * A file without its end is a damaged one.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { monotonicMs, steadyMs } from '../../lib/clock.ts'
import type { KnownClient, KnownClients } from '../../traffic/admit/known-clients.ts'
import type { Log } from '../log/log.ts'
import { DurableFile } from '../operator/durable-file.ts'

const FILE_NAME = 'known-clients.bin'
const MAGIC = Buffer.from('TGKNOWN1')
/** Ten million of IPv6, the most that can be configured. */
const FILE_BYTES_MAX = 160 * 1024 * 1024
const CLIENT_BYTES = { 4: 9, 6: 13 } as const
const END_BYTES = 9
const END = 0
/** Written in one go; control has other things to do in between. */
const PIECE_BYTES = 64 * 1024

export class KnownClientsFile {
  readonly #file: DurableFile

  constructor(folder: string) {
    this.#file = new DurableFile(folder, FILE_NAME, FILE_BYTES_MAX)
  }

  get path(): string {
    return this.#file.path
  }

  /** Those who are not too old are known again; how many the file had. Throws where it can't be read, or is damaged. */
  async readInto(known: KnownClients): Promise<number> {
    const bytes = await this.#file.readBytes()
    return bytes === undefined ? 0 : restoreFrom(bytes, known)
  }

  async setAside(): Promise<string> {
    return await this.#file.setAside()
  }

  /** Throws where it can't be written; the old file is then as it was. */
  async write(known: KnownClients): Promise<void> {
    await this.#file.write(piecesOf(known))
  }
}

/** At the start: what can't be read is moved aside, the log says so, and everybody is a stranger. */
export async function readKnownClients(file: KnownClientsFile, known: KnownClients, log: Log): Promise<void> {
  try {
    const clients = await file.readInto(known)
    if (clients > 0)
      log.say('known-clients-read', { clients, file: file.path }, `${clients} clients are known from before.`)
  } catch (error) {
    const movedTo = await file.setAside().catch(() => undefined)
    const fields = { file: file.path, reason: (error as Error).message, ...(movedTo === undefined ? {} : { movedTo }) }
    log.say('known-clients-not-read', fields, 'The known clients of before could not be read: everybody is a stranger.')
  }
}

/** All of it is looked at before anybody is known by it. */
function restoreFrom(bytes: Buffer, known: KnownClients): number {
  const endAt = bytes.length - END_BYTES
  if (endAt < MAGIC.length || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('it is none of ours')
  if (bytes[endAt] !== END || bytes.readUInt32BE(endAt + 5) !== crc32(bytes.subarray(0, endAt + 5))) {
    throw new Error('it is damaged: its checksum is another one')
  }
  const nowMs = monotonicMs()
  const sinceStartMs = nowMs - steadyMs()
  let clients = 0
  for (let at = MAGIC.length; at < endAt; clients++) {
    const family = bytes[at] === 6 ? 6 : 4
    const ageMs = nowMs - (bytes.readUInt32BE(at + 1) * 1000 + sinceStartMs)
    known.restore(bytes.readInt32BE(at + 5), family === 6 ? bytes.readInt32BE(at + 9) : 0, family, ageMs, nowMs)
    at += CLIENT_BYTES[family]
  }
  return clients
}

async function* piecesOf(known: KnownClients): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(PIECE_BYTES)
  let bytes = MAGIC.copy(piece)
  let sum = 0
  let clients = 0
  const nowMs = monotonicMs()
  for (const client of known.all(nowMs)) {
    if (bytes + CLIENT_BYTES[6] + END_BYTES > PIECE_BYTES) {
      sum = crc32(piece.subarray(0, bytes), sum)
      yield Buffer.from(piece.subarray(0, bytes))
      bytes = 0
      await nextTurn()
    }
    bytes = writeClient(piece, bytes, client)
    clients++
  }
  piece[bytes] = END
  bytes = piece.writeUInt32BE(clients, bytes + 1)
  bytes = piece.writeUInt32BE(crc32(piece.subarray(0, bytes), sum), bytes)
  yield piece.subarray(0, bytes)
}

/** Where the next one begins. */
function writeClient(piece: Buffer, at: number, { high, low, family, ageMs }: KnownClient): number {
  piece[at] = family
  piece.writeUInt32BE(Math.floor((steadyMs() - ageMs) / 1000), at + 1)
  piece.writeInt32BE(high, at + 5)
  if (family === 6) piece.writeInt32BE(low, at + 9)
  return at + CLIENT_BYTES[family]
}
