/** The files that keep attacks (JSON Lines, the oldest first) and what is calm over a restart. */
import { z } from 'zod'
import type { Log } from '../log/log.ts'
import { DurableFile } from '../operator/durable-file.ts'
import { AttackRecord } from './attack.ts'
import { sayAttacksNotRead, sayAttacksNotStored } from './attack-lines.ts'
import type { CalmMinutes } from './calm.ts'

/** The newest are kept. */
export const ATTACKS_MAX = 200
/** Each some 6 KiB. */
const BYTES_MAX = 16 * 1024 * 1024
const VERSION = 1

const Minutes = z.array(z.number().nonnegative())
const CalmContent = z.object({
  version: z.literal(VERSION),
  services: z.record(z.string(), z.object({ 'connection-flood': Minutes, distributed: Minutes, unused: Minutes })),
})

export interface StoredAttacks {
  readonly records: readonly AttackRecord[]
  readonly calm: ReadonlyMap<string, CalmMinutes>
}

export class AttackFiles {
  readonly #attacks: DurableFile
  readonly #calm: DurableFile

  constructor(folder: string) {
    this.#attacks = new DurableFile(folder, 'attacks.jsonl', BYTES_MAX)
    this.#calm = new DurableFile(folder, 'calm.json', BYTES_MAX)
  }

  /** What can't be read is no reason not to start: the file is moved aside, the log says so, and what stood before is kept. */
  async read(log: Log): Promise<StoredAttacks> {
    const records = await readFile(this.#attacks, log, [], (text, keep: AttackRecord[]) => {
      for (const line of text.split('\n')) if (line !== '') keep.push(AttackRecord.parse(JSON.parse(line)))
    })
    const calm = await readFile(this.#calm, log, new Map<string, CalmMinutes>(), (text, keep) => {
      const { services } = CalmContent.parse(JSON.parse(text))
      for (const [service, minutes] of Object.entries(services)) keep.set(service, minutes)
    })
    return { records: records.slice(-ATTACKS_MAX), calm }
  }

  /** False where it failed; the log says so, and the old file is as it was. */
  async writeAttacks(records: readonly AttackRecord[], log: Log): Promise<boolean> {
    const text = records.map((record) => `${JSON.stringify(record)}\n`).join('')
    return await written(this.#attacks, text, log)
  }

  async writeCalm(calm: ReadonlyMap<string, CalmMinutes>, log: Log): Promise<boolean> {
    const content = { version: VERSION, services: Object.fromEntries(calm) }
    return await written(this.#calm, `${JSON.stringify(content)}\n`, log)
  }
}

async function readFile<Kept>(
  file: DurableFile,
  log: Log,
  kept: Kept,
  read: (text: string, kept: Kept) => void,
): Promise<Kept> {
  try {
    const text = await file.readText()
    if (text !== undefined) read(text, kept)
  } catch (error) {
    sayAttacksNotRead(log, file.path, error as Error, await file.setAside().catch(() => undefined))
  }
  return kept
}

async function written(file: DurableFile, text: string, log: Log): Promise<boolean> {
  try {
    await file.write(text)
    return true
  } catch (error) {
    sayAttacksNotStored(log, file.path, error as Error)
    return false
  }
}
