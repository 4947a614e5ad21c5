/** A database whose networks are /16: all that tests of rules need. */
import { parseIp } from '../../lib/ip.ts'
import { COUNTRY_SHIFT, LEAF, LEAF_INTS, NetworkDatabase, UNKNOWN, UNKNOWN_LEAF } from './network-database.ts'

interface Network {
  readonly country?: number
  readonly asn?: number
}

/** By an address of each network. */
export function networksForTest(networks: Readonly<Record<string, Network>>): SharedArrayBuffer {
  const entries = Object.entries(networks)
  const { memory, database } = NetworkDatabase.ofSize((entries.length + 1) * LEAF_INTS, 0)
  const words = ({ country = UNKNOWN, asn = UNKNOWN }: Network) => [LEAF | (country << COUNTRY_SHIFT), asn]
  database.leaves.set([{}, ...entries.map(([, network]) => network)].flatMap(words))
  database.ipv4Roots.fill(UNKNOWN_LEAF)
  database.ipv6Roots.fill(UNKNOWN_LEAF)
  for (const [i, [text]] of entries.entries()) {
    const address = parseIp(text)!
    const roots = address.length === 4 ? database.ipv4Roots : database.ipv6Roots
    roots[(address[0] << 8) | address[1]] = ~(i + 1)
  }
  return memory
}
