/** The file that keeps which services operators opened and closed, and what is planned, over a restart. */
import { z } from 'zod'
import { EntriesFile } from '../operator/entries-file.ts'

const FILE_NAME = 'cut-overs.json'
/** A service takes at most some 10 KB: its checklist. */
const FILE_BYTES_MAX = 64 * 1024 * 1024

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

export class CutOverFile extends EntriesFile<StoredCutOver> {
  constructor(folder: string) {
    super(folder, { name: FILE_NAME, bytesMax: FILE_BYTES_MAX, key: 'services', entry: StoredCutOver })
  }
}
