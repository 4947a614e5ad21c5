/** Reads one database file of an operator, and makes of it what workers look addresses up in. */
import { MmdbError } from '../../lib/mmdb/mmdb-data.ts'
import { MmdbFile } from '../../lib/mmdb/mmdb-file.ts'
import { readWholeFile, UnusableFile } from '../read-whole-file.ts'
import { compileDatabase, type DatabaseKind } from './compile-database.ts'
import { asnAt, countryAt } from './record-values.ts'

/** Several times the largest of the free ones; all of it is in memory while it is read. */
export const DATABASE_BYTES_MAX = 512 * 2 ** 20

const VALUE_AT = { country: countryAt, asn: asnAt } as const
const VALUES_CALLED = { country: 'countries', asn: 'AS numbers' } as const

export interface ReadDatabase {
  readonly memory: SharedArrayBuffer
  /** As the file says of itself: `GeoLite2-Country`. */
  readonly type: string
  readonly builtAtMs: number
}

/** Throws UnusableFile. */
export async function readDatabase(path: string, kind: DatabaseKind): Promise<ReadDatabase> {
  return await makeDatabase(await readWholeFile(path, DATABASE_BYTES_MAX), kind)
}

/** What the file says of itself; its tree and records are not looked at. Throws UnusableFile. */
export async function openDatabase(path: string): Promise<MmdbFile> {
  const bytes = await readWholeFile(path, DATABASE_BYTES_MAX)
  try {
    return new MmdbFile(bytes)
  } catch (error) {
    throw error instanceof MmdbError ? new UnusableFile(error.message) : error
  }
}

/** Throws UnusableFile. */
export async function makeDatabase(bytes: Buffer, kind: DatabaseKind): Promise<ReadDatabase> {
  try {
    const file = new MmdbFile(bytes)
    const { data, type, builtAtMs } = file
    const memory = await compileDatabase(file, kind, (at) => VALUE_AT[kind](data, at))
    if (memory === undefined) {
      throw new UnusableFile(`is a MaxMind DB (${JSON.stringify(type)}) with no ${VALUES_CALLED[kind]} in it`)
    }
    return { memory, type, builtAtMs }
  } catch (error) {
    throw error instanceof MmdbError ? new UnusableFile(error.message) : error
  }
}
