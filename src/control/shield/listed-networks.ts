/** The networks of allow or deny lists as sets of the kernel take them: without overlaps, the widest first, bounded. */
import type { Network } from '../../lib/ip.ts'
import { Pacer } from '../lists/pacer.ts'
import type { List } from '../lists/lists.ts'
import { Cover } from './cover.ts'

/** 0 to 128 bits. */
const PREFIX_LENGTHS = 129

export interface ListedNetworks {
  readonly networks: readonly Network[]
  /** How many there was no room for, by family. */
  readonly leftOut: Readonly<Record<4 | 6, number>>
}

/** A million entries take some seconds beside everything else that control does. */
export async function listedNetworks(
  lists: readonly List[],
  action: 'allow' | 'deny',
  maxPerFamily: number,
): Promise<ListedNetworks> {
  const pacer = new Pacer()
  const chosen = lists.filter((list) => list.action === action)
  const cover = new Cover()
  const networks: Network[] = []
  const taken = { 4: 0, 6: 0 }
  const leftOut = { 4: 0, 6: 0 }
  for (const { list, i } of await byLength(chosen, pacer)) {
    const network = list.entries.networkAt(i)
    if (taken[network.family] >= maxPerFamily) leftOut[network.family]++
    else if (cover.add(network)) {
      networks.push(network)
      taken[network.family]++
    }
    if (pacer.isTired()) await pacer.rest()
  }
  return { networks, leftOut }
}

/** Every entry, shortest prefixes first: counted first, then each put in its place. */
async function byLength(lists: readonly List[], pacer: Pacer): Promise<Iterable<{ list: List; i: number }>> {
  const starts = new Uint32Array(PREFIX_LENGTHS + 1)
  for (const { entries } of lists) {
    for (let i = 0; i < entries.count; i++) {
      starts[entries.networkAt(i).prefixLength + 1]++
      if (pacer.isTired()) await pacer.rest()
    }
  }
  for (let length = 1; length <= PREFIX_LENGTHS; length++) starts[length] += starts[length - 1]
  const total = starts[PREFIX_LENGTHS]
  const listOf = new Uint16Array(total)
  const entryOf = new Uint32Array(total)
  for (const [l, { entries }] of lists.entries()) {
    for (let i = 0; i < entries.count; i++) {
      const place = starts[entries.networkAt(i).prefixLength]++
      listOf[place] = l
      entryOf[place] = i
      if (pacer.isTired()) await pacer.rest()
    }
  }
  return (function* () {
    for (let place = 0; place < total; place++) yield { list: lists[listOf[place]], i: entryOf[place] }
  })()
}
