/** Lists as the prefix tables that workers go by, and what stands on both sides. */
import { NO_PREFIX } from '../../lib/prefix-table.ts'
import { tableMemory } from '../../kernel/huge-pages.ts'
import { PrefixTableWriter } from '../../lib/prefix-table-writer.ts'
import type { ListMemories } from '../../traffic/tables.ts'
import type { ListEntries } from './list-entries.ts'
import { Pacer } from './pacer.ts'

export type ListAction = 'allow' | 'deny'

/** That are told one by one. */
const OVERLAPS_SHOWN = 20

export interface ListTables {
  readonly memories: ListMemories
  /** Prefixes that are allowed and denied; values are those in the tables. */
  readonly overlaps: { readonly count: number; readonly shown: readonly { allow: number; deny: number }[] }
}

interface Source {
  readonly action: ListAction
  readonly entries: ListEntries
}

/** The value of an entry is its number over all lists; of a prefix that stands twice, the first. */
export async function makeListTables(lists: readonly Source[]): Promise<ListTables> {
  const pacer = new Pacer()
  const allow = await makeTable(lists, 'allow', pacer)
  const deny = await makeTable(lists, 'deny', pacer)
  const memories = { allow: allow?.memory, deny: deny?.memory }
  const shown: { allow: number; deny: number }[] = []
  let count = 0
  if (allow === undefined || deny === undefined) return { memories, overlaps: { count, shown } }
  let value = 0
  for (const { action, entries } of lists) {
    for (let i = 0; i < entries.count; i++, value++) {
      if (action === 'deny') continue
      const network = entries.networkAt(i)
      const denied = deny.get(network)
      if (denied === NO_PREFIX || allow.get(network) !== value) continue
      if (count++ < OVERLAPS_SHOWN) shown.push({ allow: value, deny: denied })
      if (pacer.isTired()) await pacer.rest()
    }
  }
  return { memories, overlaps: { count, shown } }
}

async function makeTable(
  lists: readonly Source[],
  wanted: ListAction,
  pacer: Pacer,
): Promise<PrefixTableWriter | undefined> {
  const capacity = await sizeOf(lists, wanted, pacer)
  if (capacity.v4 + capacity.v6 === 0) return undefined
  const writer = new PrefixTableWriter(capacity, tableMemory(PrefixTableWriter.bytes(capacity)))
  let value = 0
  for (const { action, entries } of lists) {
    if (action !== wanted) {
      value += entries.count
      continue
    }
    for (let i = 0; i < entries.count; i++, value++) {
      const network = entries.networkAt(i)
      if (writer.get(network) === NO_PREFIX) writer.set(network, value)
      if (pacer.isTired()) await pacer.rest()
    }
  }
  return writer
}

async function sizeOf(lists: readonly Source[], wanted: ListAction, pacer: Pacer) {
  const capacity = { v4: 0, v6: 0 }
  for (const { action, entries } of lists) {
    if (action !== wanted) continue
    for (let i = 0; i < entries.count; i++) {
      if (entries.networkAt(i).family === 4) capacity.v4++
      else capacity.v6++
      if (pacer.isTired()) await pacer.rest()
    }
  }
  return capacity
}
