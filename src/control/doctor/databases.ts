/** The finding about databases of countries and AS numbers: can they be read, and how old are they? */
import type { Config } from '../config/config.ts'
import { DATABASE_AGE_MS_MAX } from '../databases/network-databases.ts'
import { openDatabase } from '../databases/read-database.ts'
import { UnusableFile } from '../read-whole-file.ts'
import type { DatabaseFact, Facts } from './facts.ts'
import { fail, ok, warn } from './finding.ts'
import type { Finding } from './finding.ts'

const DAY_MS = 24 * 60 * 60 * 1000

export async function databaseFacts(config: Config | undefined, nowMs = Date.now()): Promise<DatabaseFact[]> {
  const { countryDatabase, asnDatabase } = config?.protect ?? {}
  const files = new Set([countryDatabase, asnDatabase].flatMap((database) => database?.file ?? []))
  return await Promise.all([...files].map(async (file) => databaseFact(file, nowMs)))
}

async function databaseFact(file: string, nowMs: number): Promise<DatabaseFact> {
  try {
    const { type, builtAtMs } = await openDatabase(file)
    return { file, type, ageMs: nowMs - builtAtMs, problem: undefined }
  } catch (error) {
    if (!(error instanceof UnusableFile)) throw error
    return { file, type: '', ageMs: 0, problem: error.message }
  }
}

/** The worst of them. */
export function databasesFinding({ databases }: Facts): Finding | undefined {
  if (databases.length === 0) return undefined
  const broken = databases.find(({ problem }) => problem !== undefined)
  if (broken !== undefined) {
    return fail(
      'databases',
      `${broken.file} ${broken.problem}.`,
      'Put a MaxMind DB file (.mmdb) there that can be read.',
    )
  }
  const oldest = databases.reduce((one, other) => (other.ageMs > one.ageMs ? other : one))
  const days = Math.floor(oldest.ageMs / DAY_MS)
  const sentence = `${oldest.file} (${JSON.stringify(oldest.type)}) was built ${days} ${days === 1 ? 'day' : 'days'} ago.`
  return oldest.ageMs > DATABASE_AGE_MS_MAX
    ? warn('databases', sentence, 'Fetch the newest from its vendor; networks have moved to other countries since.')
    : ok('databases', sentence)
}
