/** The file that keeps bans over a restart. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { z } from 'zod'
import { parseNetwork } from '../../lib/ip.ts'
import type { Log } from '../log/log.ts'
import { DurableFile } from '../operator/durable-file.ts'
import { type Ban, BAN_ORIGIN_NAMES, makeBan } from './ban.ts'
import { sayBansNotRead } from './ban-lines.ts'

const FILE_NAME = 'bans.json'
const VERSION = 1
/** A million bans with long comments. */
export const BAN_FILE_BYTES_MAX = 512 * 1024 * 1024
/** Turned into text in one go; traffic's control has other things to do in between. */
const BANS_PER_PIECE = 500

/** A ban as files and other processes have it. */
export const StoredBan = z.object({
  prefix: z.string(),
  origin: z.enum(BAN_ORIGIN_NAMES),
  since: z.iso.datetime(),
  /** Null is for good. */
  until: z.iso.datetime().nullable(),
  why: z.string(),
  by: z.string(),
  repeated: z.int().nonnegative(),
})
export type StoredBan = Readonly<z.infer<typeof StoredBan>>
const BanFileContent = z.object({ version: z.literal(VERSION), bans: z.array(StoredBan) })

export class BanFile {
  readonly #file: DurableFile

  constructor(folder: string) {
    this.#file = new DurableFile(folder, FILE_NAME, BAN_FILE_BYTES_MAX)
  }

  get path(): string {
    return this.#file.path
  }

  /**
   * Undefined where there is none, and where it can't be read, which is no reason not to start: it is moved aside, and
   * the log says so.
   */
  async read(log: Log): Promise<readonly Ban[] | undefined> {
    try {
      return bansIn(await this.#file.readText())
    } catch (error) {
      const aside = await this.#file.setAside().catch(() => undefined)
      sayBansNotRead(log, this.path, error as Error, aside)
      return undefined
    }
  }

  /** Throws where it can't be read. */
  async readAgain(): Promise<readonly Ban[]> {
    return bansIn(await this.#file.readText()) ?? []
  }

  /** Throws where it can't be written; the old file is then as it was. */
  async write(bans: readonly Ban[]): Promise<void> {
    await this.#file.write(piecesOf(bans))
  }
}

function bansIn(text: string | undefined): readonly Ban[] | undefined {
  return text === undefined ? undefined : BanFileContent.parse(JSON.parse(text)).bans.map(banOf)
}

export function banOf(stored: StoredBan): Ban {
  const network = parseNetwork(stored.prefix)
  if (network === undefined) throw new Error(`${JSON.stringify(stored.prefix)} is no prefix`)
  const { origin, since, until, why, by, repeated } = stored
  const untilMs = until === null ? Infinity : Date.parse(until)
  return makeBan(network, { origin, sinceMs: Date.parse(since), untilMs, why, by, repeated, isWatched: false })
}

async function* piecesOf(bans: readonly Ban[]): AsyncGenerator<string> {
  yield `{"version":${VERSION},"bans":[`
  for (let from = 0; from < bans.length; from += BANS_PER_PIECE) {
    const lines = bans.slice(from, from + BANS_PER_PIECE).map((ban) => JSON.stringify(storedOf(ban)))
    yield `${from === 0 ? '' : ','}\n${lines.join(',\n')}`
    await nextTurn()
  }
  yield '\n]}\n'
}

export function storedOf(ban: Ban): StoredBan {
  const { text, origin, sinceMs, untilMs, why, by, repeated } = ban
  const until = untilMs === Infinity ? null : new Date(untilMs).toISOString()
  return { prefix: text, origin, since: new Date(sinceMs).toISOString(), until, why, by, repeated }
}
