/** Reads one database file of an operator, and makes of it what workers look addresses up in. */
import { open } from 'node:fs/promises'
import { MmdbError } from '../../lib/mmdb/mmdb-data.ts'
import { MmdbFile } from '../../lib/mmdb/mmdb-file.ts'
import { NetworkDatabase } from '../../traffic/admit/network-database.ts'
import { compileDatabase } from './compile-database.ts'
import { asnAt, countryAt } from './record-values.ts'

/** Several times the largest of the free ones; all of it is in memory while it is read. */
export const DATABASE_BYTES_MAX = 512 * 2 ** 20

export type DatabaseKind = 'country' | 'asn'

const VALUE_AT = { country: countryAt, asn: asnAt } as const
const VALUES_CALLED = { country: 'countries', asn: 'AS numbers' } as const

export interface ReadDatabase {
  readonly memory: SharedArrayBuffer
  /** As the file says of itself: `GeoLite2-Country`. */
  readonly type: string
  readonly builtAtMs: number
}

/** The database cannot be had; the message goes on from the file's name. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
}

/** Throws DatabaseError. */
export async function readDatabase(path: string, kind: DatabaseKind): Promise<ReadDatabase> {
  return await makeDatabase(await readWhole(path), kind)
}

/** What the file says of itself; its tree and records are not looked at. Throws DatabaseError. */
export async function openDatabase(path: string): Promise<MmdbFile> {
  const bytes = await readWhole(path)
  try {
    return new MmdbFile(bytes)
  } catch (error) {
    throw error instanceof MmdbError ? new DatabaseError(error.message) : error
  }
}

/** Throws DatabaseError. */
export async function makeDatabase(bytes: Buffer, kind: DatabaseKind): Promise<ReadDatabase> {
  try {
    const file = new MmdbFile(bytes)
    const { data, type, builtAtMs } = file
    const memory = await compileDatabase(file, (at) => VALUE_AT[kind](data, at))
    if (new NetworkDatabase(memory).knowsNothing) {
      throw new DatabaseError(`is a MaxMind DB (${JSON.stringify(type)}) with no ${VALUES_CALLED[kind]} in it`)
    }
    return { memory, type, builtAtMs }
  } catch (error) {
    throw error instanceof MmdbError ? new DatabaseError(error.message) : error
  }
}

async function readWhole(path: string): Promise<Buffer> {
  try {
    await using file = await open(path)
    const stats = await file.stat()
    if (!stats.isFile()) throw new DatabaseError('is not a file')
    if (stats.size > DATABASE_BYTES_MAX) {
      throw new DatabaseError(`is larger than ${DATABASE_BYTES_MAX / 2 ** 20} MiB`)
    }
    const bytes = Buffer.allocUnsafe(stats.size)
    let size = 0
    while (size < bytes.length) {
      const { bytesRead } = await file.read(bytes, size, bytes.length - size, null)
      if (bytesRead === 0) break
      size += bytesRead
    }
    return bytes.subarray(0, size)
  } catch (error) {
    if (error instanceof DatabaseError) throw error
    throw new DatabaseError(`cannot be read: ${explain(error as NodeJS.ErrnoException)}`)
  }
}

function explain({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file (a relative path begins at the folder of the configuration)'
  return code === 'EACCES' ? 'no permission' : (code ?? message)
}
