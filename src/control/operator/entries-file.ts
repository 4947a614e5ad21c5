/** A state file with a list of entries: read whole, and written whole at each change. */
import { z } from 'zod'
import { DurableFile } from './durable-file.ts'

const VERSION = 1

export interface EntriesFormat<Entry> {
  readonly name: string
  readonly bytesMax: number
  /** Under which word the entries stand. */
  readonly key: string
  readonly entry: z.ZodType<Entry>
}

export class EntriesFile<Entry> {
  readonly #file: DurableFile
  readonly #key: string
  readonly #content: z.ZodType<Readonly<Record<string, unknown>>>
  readonly #entries: z.ZodType<Entry[]>

  constructor(folder: string, { name, bytesMax, key, entry }: EntriesFormat<Entry>) {
    this.#file = new DurableFile(folder, name, bytesMax)
    this.#key = key
    this.#content = z.looseObject({ version: z.literal(VERSION) })
    this.#entries = z.array(entry)
  }

  get path(): string {
    return this.#file.path
  }

  /** Empty when there is no file. Throws where it can't be read or understood; `setAside` then keeps it for a look. */
  async read(): Promise<readonly Entry[]> {
    const text = await this.#file.readText()
    return text === undefined ? [] : this.#entries.parse(this.#content.parse(JSON.parse(text))[this.#key])
  }

  async setAside(): Promise<string> {
    return await this.#file.setAside()
  }

  /** Throws where it can't be written; the old file is then as it was. */
  async write(entries: readonly Entry[]): Promise<void> {
    await this.#file.write(`${JSON.stringify({ version: VERSION, [this.#key]: entries }, undefined, 2)}\n`)
  }
}
