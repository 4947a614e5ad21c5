/** The file that keeps what an operator set over a restart: read at the start, written whole at each change. */
import { z } from 'zod'
import { DurableFile } from './durable-file.ts'

const FILE_NAME = 'operator-states.json'
/** A state takes at most some 500 bytes, and a configuration has at most 100,000 values. */
export const STATE_FILE_BYTES_MAX = 64 * 1024 * 1024
const VERSION = 1

const StoredState = z.object({
  service: z.string(),
  upstream: z.string(),
  wanted: z.enum(['drain', 'down']),
  since: z.string(),
  by: z.string(),
})
/** `up` is what is not stored. */
export type StoredState = Readonly<z.infer<typeof StoredState>>

const StateFileContent = z.object({ version: z.literal(VERSION), upstreams: z.array(StoredState) })

export class StateFile {
  readonly #file: DurableFile

  constructor(folder: string) {
    this.#file = new DurableFile(folder, FILE_NAME, STATE_FILE_BYTES_MAX)
  }

  get path(): string {
    return this.#file.path
  }

  /** Empty when there is no file. Throws where it can't be read or understood; `setAside` then keeps it for a look. */
  async read(): Promise<readonly StoredState[]> {
    const text = await this.#file.readText()
    return text === undefined ? [] : StateFileContent.parse(JSON.parse(text)).upstreams
  }

  async setAside(): Promise<string> {
    return await this.#file.setAside()
  }

  /** Throws where it can't be written; the old file is then as it was. */
  async write(states: readonly StoredState[]): Promise<void> {
    await this.#file.write(`${JSON.stringify({ version: VERSION, upstreams: states }, undefined, 2)}\n`)
  }
}
