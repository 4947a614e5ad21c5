/**
 * All allow and deny lists as they are in force: those of the configuration and those in files, with what each entry came
 * from, and the tables that workers go by. Never changed: another configuration or another file makes another `Lists`.
 */
import { formatNetwork } from '../../lib/ip.ts'
import { PrefixTable } from '../../lib/prefix-table.ts'
import type { ListMemories } from '../../traffic/tables.ts'
import type { ListedNetwork, ListFileConfig, NodeProtectConfig } from '../config/config.ts'
import { ConfigError, type ConfigProblem } from '../config/problem.ts'
import { type ListAction, type ListTables, makeListTables } from './list-tables.ts'
import { ListEntries } from './list-entries.ts'
import { type BadLine, LIST_ENTRIES_MAX, readListFile } from './read-list-file.ts'
import { UnusableFile } from '../read-whole-file.ts'
import { type ConfigFile, noteConfigFile } from '../reload/config-watch.ts'

export interface List {
  readonly name: string
  /** The name of a list that operators keep by the API, where `name` is `kept/…`; undefined for one of file or configuration. */
  readonly kept?: string
  readonly action: ListAction
  /** The file it is in: one of its own, or the configuration; for people where operators keep it. */
  readonly file: string
  /** Of a file of its own, as it was before it was read; undefined for one in the configuration or kept by operators. */
  readonly noted: ConfigFile | undefined
  readonly entries: ListEntries
  readonly badLines: readonly BadLine[]
  readonly badLineCount: number
  readonly readAtMs: number
  /** Why what is in force is older than the file; undefined when it is not. */
  readonly problem: string | undefined
}

/** An entry that covers an address. */
export interface ListHit {
  readonly list: List
  /** `192.0.2.0/24` */
  readonly network: string
  readonly line: number
  readonly comment: string
}

export class Lists {
  readonly all: readonly List[]
  readonly #tables: ListTables

  private constructor(all: readonly List[], tables: ListTables) {
    this.all = all
    this.#tables = tables
  }

  /**
   * Throws ConfigError where a file cannot be had. With `before`, the lists in force: a file that is as it was is not read
   * again, and one that cannot be read any more keeps what it had, and says so. `kept`: by operators.
   */
  static async read(protect: NodeProtectConfig, before?: Lists, kept: readonly List[] = []): Promise<Lists> {
    const all: List[] = [
      fromConfig('protect.allow', 'allow', protect.allow),
      fromConfig('protect.deny', 'deny', protect.deny),
    ].filter((list) => list.entries.count > 0)
    const problems: ConfigProblem[] = []
    let room = LIST_ENTRIES_MAX - all.reduce((sum, { entries }) => sum + entries.count, 0)
    for (const config of protect.lists) {
      const list = await fromFile(config, room, before)
      if (typeof list === 'string') problems.push(problemOf(config, list))
      else {
        all.push(list)
        room -= list.entries.count
      }
    }
    if (problems.length > 0) throw new ConfigError(problems)
    // Bounded by the store, beside the room there is for files: neither pushes out the other.
    all.push(...kept)
    return new Lists(all, await makeListTables(all))
  }

  /** These, and those that operators keep. */
  async with(kept: readonly List[]): Promise<Lists> {
    if (kept.length === 0) return this
    const all = [...this.all, ...kept]
    return new Lists(all, await makeListTables(all))
  }

  /** As they were read. */
  get files(): ConfigFile[] {
    return this.all.flatMap(({ noted }) => noted ?? [])
  }

  get memories(): ListMemories {
    return this.#tables.memories
  }

  /** In words: an entry that is on both sides allows. */
  get warnings(): readonly string[] {
    const { count, shown } = this.#tables.overlaps
    if (count === 0) return []
    const texts = shown.map(({ allow, deny }) => {
      const [on, alsoOn] = [this.#hit(allow), this.#hit(deny)]
      return `${on.network} is allowed (${placeText(on)}) and denied (${placeText(alsoOn)}); allow wins`
    })
    return count > shown.length
      ? [...texts, `… and ${count - shown.length} more that are both allowed and denied`]
      : texts
  }

  /** The entries that cover the address, the longest prefix first. */
  covering(action: ListAction, address: Uint8Array): ListHit[] {
    const memory = this.memories[action]
    return memory === undefined ? [] : new PrefixTable(memory).covering(address).map((value) => this.#hit(value))
  }

  /** Values in the tables count the entries of all lists through. */
  #hit(value: number): ListHit {
    let i = value
    for (const list of this.all) {
      if (i < list.entries.count) {
        const { network, line, comment } = list.entries.at(i)
        return { list, network: formatNetwork(network), line, comment }
      }
      i -= list.entries.count
    }
    throw new Error(`list entry ${value} is in no list`)
  }
}

/** `drop.txt:12`, as an editor takes it. */
export function placeText({ list, line }: ListHit): string {
  if (list.kept !== undefined) return list.file
  return `${list.file}:${line}`
}

function fromConfig(name: string, action: ListAction, networks: readonly ListedNetwork[]): List {
  const entries = new ListEntries()
  for (const network of networks) entries.push(network, network.at.line, '')
  const file = networks[0]?.at.file ?? ''
  const rest = { badLines: [], badLineCount: 0, readAtMs: Date.now(), problem: undefined }
  return { name, action, file, noted: undefined, entries, ...rest }
}

/** The reason where there is nothing to go by. */
async function fromFile(config: ListFileConfig, room: number, before: Lists | undefined): Promise<List | string> {
  const { name, action, file } = config
  const noted = await noteConfigFile(file)
  const known = before?.all.find((list) => list.noted?.path === file)
  const fits = known !== undefined && known.entries.count <= room
  if (fits && known.noted?.fingerprint === noted.fingerprint) {
    return known.name === name && known.action === action ? known : { ...known, name, action }
  }
  try {
    const read = await readListFile(file, room)
    return { name, action, file, noted, ...read, readAtMs: Date.now(), problem: undefined }
  } catch (error) {
    if (!(error instanceof UnusableFile)) throw error
    return fits ? { ...known, name, action, noted, problem: error.message } : error.message
  }
}

function problemOf({ file, at }: ListFileConfig, message: string): ConfigProblem {
  return { ...at, code: 'E_CONFIG_LIST', key: `${at.key}.file`, value: JSON.stringify(file), message }
}
