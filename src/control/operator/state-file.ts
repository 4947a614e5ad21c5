/** The file that keeps what an operator set over a restart: read at the start, written whole at each change. */
import { z } from 'zod'
import { EntriesFile } from './entries-file.ts'

const FILE_NAME = 'operator-states.json'
/** A state takes at most some 500 bytes, and a configuration has at most 100,000 values. */
export const STATE_FILE_BYTES_MAX = 64 * 1024 * 1024

const StoredState = z.object({
  service: z.string(),
  upstream: z.string(),
  wanted: z.enum(['drain', 'down']),
  since: z.string(),
  by: z.string(),
})
/** `up` is what is not stored. */
export type StoredState = Readonly<z.infer<typeof StoredState>>

export class StateFile extends EntriesFile<StoredState> {
  constructor(folder: string) {
    super(folder, { name: FILE_NAME, bytesMax: STATE_FILE_BYTES_MAX, key: 'upstreams', entry: StoredState })
  }
}
