/** `protect` at the top: what holds for the whole node. */
import { z } from 'zod'
import { SOURCE_MEMORY_BYTES_MIN } from '../../traffic/admit/source-table.ts'
import { firewallSchema } from './firewall-schema.ts'
import { choice, leaf, name, size } from './leaf.ts'
import { knownClientsSchema, overloadSchema } from './overload-schema.ts'
import { bansSchema } from './protect-bans-schema.ts'
import { readNetwork } from './read-address.ts'
import { readFile } from './read-folder.ts'

/** Places for 40 million sources. */
const SOURCE_MEMORY_BYTES_MAX = 1024 ** 3

/** In the file itself; longer lists have files of their own. */
export const LISTED_NETWORKS_MAX = 1_000
export const LIST_FILES_MAX = 64
/** This machine: its own checks and scripts, and whoever is behind a tunnel on it. */
const ALLOW_DEFAULT = ['127.0.0.0/8', '::1']

const networks = () =>
  z
    .array(leaf(readNetwork, { type: 'string', description: 'A network such as `192.0.2.0/24`, or one address.' }))
    .max(LISTED_NETWORKS_MAX)

const listFile = z.strictObject({
  file: leaf(readFile, {
    type: 'string',
    description: "A file with one network a line; relative to this file's folder. Read again when it changes.",
  }),
  action: choice(['allow', 'deny'], 'What being on the list means.'),
  name: name('What logs, metrics and commands call the list; the name of its file when absent.').optional(),
})

const databaseFile = (what: string) =>
  leaf(readFile, {
    type: 'string',
    description: `A MaxMind DB file (.mmdb) of your own with ${what}; relative to this file's folder. Read again when it changes.`,
  }).optional()

export const protectNodeSchema = z.strictObject({
  allow: networks().prefault(ALLOW_DEFAULT).meta({
    description:
      'Who is always let in: no ban, deny list or limit for a source holds for them, only the ceilings of connections do.',
  }),
  deny: networks().prefault([]).meta({ description: 'Who is never let in, unless an allow list names them too.' }),
  bans: bansSchema.prefault({}).meta({ description: 'Who misbehaves is banned for a time.' }),
  firewall: firewallSchema.prefault({}).meta({ description: 'What the kernel refuses for us, by nftables.' }),
  overload: overloadSchema.prefault({}).meta({ description: 'What is done when the node runs out of room.' }),
  knownClients: knownClientsSchema.prefault({}).meta({ description: 'Who is let in before strangers.' }),
  lists: z.array(listFile).max(LIST_FILES_MAX).prefault([]).meta({ description: 'Lists in files of their own.' }),
  countryDatabase: databaseFile('the country of each network'),
  asnDatabase: databaseFile('the AS number of each network'),
  memory: size(
    SOURCE_MEMORY_BYTES_MIN,
    SOURCE_MEMORY_BYTES_MAX,
    'Memory for counting sources (addresses, prefixes, ASes), over all services and workers.',
  ).prefault('64MiB'),
})
export type ParsedNodeProtect = z.output<typeof protectNodeSchema>
