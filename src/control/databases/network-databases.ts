/**
 * The operator's databases of countries and AS numbers as they are in force. Never changed: another configuration or
 * another file makes another `NetworkDatabases`, and what stayed as it was is not read again.
 */
import { NetworkDatabase } from '../../traffic/admit/network-database.ts'
import type { DatabaseConfig, NodeProtectConfig } from '../config/config.ts'
import { ConfigError, type ConfigProblem } from '../config/problem.ts'
import { MmdbError } from '../../lib/mmdb/mmdb-data.ts'
import { UnusableFile } from '../read-whole-file.ts'
import { type ConfigFile, noteConfigFile } from '../reload/config-watch.ts'
import type { DatabaseKind } from './compile-database.ts'
import { joinDatabases } from './join-databases.ts'
import { type ReadDatabase, readDatabase } from './read-database.ts'

/** Networks change hands: after that long, too many rules hit the wrong ones. Vendors publish each week or month. */
export const DATABASE_AGE_MS_MAX = 90 * 24 * 60 * 60 * 1000

type DatabaseConfigs = Pick<NodeProtectConfig, 'countryDatabase' | 'asnDatabase'>

export interface Database extends ReadDatabase {
  readonly kind: DatabaseKind
  readonly file: string
  /** As the file was before it was looked at last. */
  readonly noted: ConfigFile
  /** Why what is in force is older than the file; undefined when it is not. */
  readonly problem: string | undefined
  /** Its file can be read, but not used beside the other one: with each change of that it is tried again. */
  readonly isLeftOut?: true
}

export class NetworkDatabases {
  readonly all: readonly Database[]
  /** What workers look addresses up in: all of them as one (traffic/admit/network-database.ts); undefined where there is none. */
  readonly memory: SharedArrayBuffer | undefined

  private constructor(all: readonly Database[], memory: SharedArrayBuffer | undefined) {
    this.all = all
    this.memory = memory
  }

  /**
   * Throws ConfigError where a file cannot be had. With `before`, the databases in force: a file that cannot be read any
   * more then keeps what it had, and says so.
   */
  static async read(protect: DatabaseConfigs, before?: NetworkDatabases): Promise<NetworkDatabases> {
    const problems: ConfigProblem[] = []
    const all: Database[] = []
    for (const [kind, config] of configured(protect)) {
      const database = await fromFile(kind, config, before?.of(kind))
      if (typeof database === 'string') problems.push(problemOf(config, database))
      else all.push(database)
    }
    if (problems.length > 0) throw new ConfigError(problems)
    const joined = await joinedMemory(all, before)
    if (joined !== TOO_MUCH) return new NetworkDatabases(all, joined)
    const kept = before?.insteadOf(all)
    if (kept !== undefined) return kept
    throw new ConfigError(configured(protect).map(([kind, config]) => problemOf(config, tooMuchText(kind, all))))
  }

  /** These, where they are of the same files as others that are too much together. */
  insteadOf(others: readonly Database[]): NetworkDatabases | undefined {
    const kept = others.flatMap(({ kind, file, noted, memory }): Database[] => {
      const own = this.of(kind)
      if (own?.file !== file) return []
      return own.memory === memory ? [own] : [{ ...own, noted, problem: tooMuchText(kind, others), isLeftOut: true }]
    })
    return kept.length === others.length ? new NetworkDatabases(kept, this.memory) : undefined
  }

  of(kind: DatabaseKind): Database | undefined {
    return this.all.find((database) => database.kind === kind)
  }

  /** As they were read; one file may be both. */
  get files(): ConfigFile[] {
    return this.all.map(({ noted }) => noted)
  }

  /** The number of its country or AS, UNKNOWN where the database has none; undefined without a database. */
  lookUp(kind: DatabaseKind, address: Uint8Array): number | undefined {
    if (this.memory === undefined || this.of(kind) === undefined) return undefined
    const database = new NetworkDatabase(this.memory)
    database.find(address, 0, address.length === 4 ? 4 : 6)
    return kind === 'country' ? database.country : database.asn
  }

  /** In words: databases that are too old to go by. */
  warnings(nowMs: number): string[] {
    return this.all.filter((database) => isOld(database, nowMs)).map((database) => oldText(database, nowMs))
  }
}

export function isOld({ builtAtMs }: Database, nowMs: number): boolean {
  return nowMs - builtAtMs > DATABASE_AGE_MS_MAX
}

export function oldText({ file, builtAtMs }: Database, nowMs: number): string {
  const days = Math.floor((nowMs - builtAtMs) / (24 * 60 * 60 * 1000))
  return `${file} was built ${days} days ago (${new Date(builtAtMs).toISOString().slice(0, 10)}); its vendor has a newer one`
}

function configured(protect: DatabaseConfigs): [DatabaseKind, DatabaseConfig][] {
  const { countryDatabase, asnDatabase } = protect
  return [
    ...(countryDatabase === undefined ? [] : [['country', countryDatabase] as [DatabaseKind, DatabaseConfig]]),
    ...(asnDatabase === undefined ? [] : [['asn', asnDatabase] as [DatabaseKind, DatabaseConfig]]),
  ]
}

/** The reason where there is nothing to go by. */
async function fromFile(
  kind: DatabaseKind,
  { file }: DatabaseConfig,
  before: Database | undefined,
): Promise<Database | string> {
  const noted = await noteConfigFile(file)
  const known = before?.file === file ? before : undefined
  if (known?.noted.fingerprint === noted.fingerprint && known.isLeftOut !== true) return known
  try {
    return { kind, file, noted, ...(await readDatabase(file, kind)), problem: undefined }
  } catch (error) {
    if (!(error instanceof UnusableFile)) throw error
    return known === undefined ? error.message : { ...known, noted, problem: error.message }
  }
}

const TOO_MUCH = Symbol('too much together')

function tooMuchText(kind: DatabaseKind, all: readonly Database[]): string {
  const other = all.find((database) => database.kind !== kind)?.file
  return `becomes too large together with ${other}, as no vendor's files do: one of them is damaged; fetch both again, or leave one out`
}

/** What workers ask of all of these. */
async function joinedMemory(
  all: readonly Database[],
  before: NetworkDatabases | undefined,
): Promise<SharedArrayBuffer | undefined | typeof TOO_MUCH> {
  if (all.length < 2) return all[0]?.memory
  const [countries, asns] = all
  const isAsBefore = all.every(({ kind, memory }) => before?.of(kind)?.memory === memory)
  if (isAsBefore) return before?.memory
  try {
    return await joinDatabases(countries.memory, asns.memory)
  } catch (error) {
    // A RangeError is from the engine: no Map and no memory is as large as that.
    if (!(error instanceof MmdbError || error instanceof RangeError)) throw error
    return TOO_MUCH
  }
}

function problemOf({ file, at }: DatabaseConfig, message: string): ConfigProblem {
  return { ...at, code: 'E_CONFIG_DATABASE', value: JSON.stringify(file), message }
}
