/** A database whose networks are /16: all that tests of rules need. */
import { parseIp } from '../../lib/ip.ts'
import { NetworkDatabase, UNKNOWN, UNKNOWN_LEAF } from './network-database.ts'

/** By an address of each network: its country or AS. */
export function databaseMemoryForTest(valueByAddress: Readonly<Record<string, number>>): SharedArrayBuffer {
  const entries = Object.entries(valueByAddress)
  const { memory, database } = NetworkDatabase.ofSize(entries.length + 1, 0)
  database.values.set([UNKNOWN, ...entries.map(([, value]) => value)])
  database.ipv4Roots.fill(UNKNOWN_LEAF)
  database.ipv6Roots.fill(UNKNOWN_LEAF)
  for (const [i, [text]] of entries.entries()) {
    const address = parseIp(text)!
    const roots = address.length === 4 ? database.ipv4Roots : database.ipv6Roots
    roots[(address[0] << 8) | address[1]] = ~(i + 1)
  }
  return memory
}
