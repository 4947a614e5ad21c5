/** The file that keeps which services operators opened and closed, and what is planned, over a restart. */
import { z } from 'zod'
import { DurableFile } from '../operator/durable-file.ts'

const FILE_NAME = 'cut-overs.json'
/** A service takes at most some 10 KB: its checklist. */
const FILE_BYTES_MAX = 64 * 1024 * 1024
const VERSION = 1

const Asked = z.object({
  domain: z.string().optional(),
  addresses: z.array(z.string()).optional(),
  oldAddresses: z.array(z.string()).optional(),
  subdomains: z.array(z.string()).optional(),
})
/** What the checklist has to know beside the configuration. */
export type Asked = Readonly<z.infer<typeof Asked>>

const Item = z.object({
  id: z.string(),
  title: z.string(),
  state: z.enum(['ok', 'warn', 'fail', 'unknown']),
  saw: z.string(),
  next: z.string().optional(),
})

const StoredCutOver = z.object({
  service: z.string(),
  /** An operator's; the file's holds where there is none. `fileSaid`: once the file says something else, that is later. */
  word: z.object({ enabled: z.boolean(), fileSaid: z.boolean() }).optional(),
  plan: z.object({ at: z.iso.datetime(), by: z.string(), asked: Asked }).optional(),
  /** The last switch, and what the checklist said right then. */
  last: z
    .object({
      enabled: z.boolean(),
      at: z.iso.datetime(),
      by: z.string(),
      /** At the time that was set. */
      planned: z.boolean(),
      checklist: z.object({ at: z.iso.datetime(), items: z.array(Item) }).optional(),
    })
    .optional(),
})
export type StoredCutOver = z.infer<typeof StoredCutOver>

const FileContent = z.object({ version: z.literal(VERSION), services: z.array(StoredCutOver) })

export class CutOverFile {
  readonly #file: DurableFile

  constructor(folder: string) {
    this.#file = new DurableFile(folder, FILE_NAME, FILE_BYTES_MAX)
  }

  get path(): string {
    return this.#file.path
  }

  /** Empty when there is no file. Throws where it can't be read or understood; `setAside` then keeps it for a look. */
  async read(): Promise<readonly StoredCutOver[]> {
    const text = await this.#file.readText()
    return text === undefined ? [] : FileContent.parse(JSON.parse(text)).services
  }

  async setAside(): Promise<string> {
    return await this.#file.setAside()
  }

  /** Throws where it can't be written; the old file is then as it was. */
  async write(services: readonly StoredCutOver[]): Promise<void> {
    await this.#file.write(`${JSON.stringify({ version: VERSION, services })}\n`)
  }
}
