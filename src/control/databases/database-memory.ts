import { tableMemory } from '../../kernel/huge-pages.ts'
import { NetworkDatabase } from '../../traffic/admit/network-database.ts'

/** What a tree consists of; each as network-database.ts has it. */
export interface TreeParts {
  readonly ipv4Roots: Int32Array
  readonly ipv6Roots: Int32Array
  readonly leaves: readonly number[]
  readonly nodes: Int32Array
}

/** As workers get it. */
export function databaseMemory({ ipv4Roots, ipv6Roots, leaves, nodes }: TreeParts): SharedArrayBuffer {
  const { memory, database } = NetworkDatabase.ofSize(leaves.length, nodes.length, tableMemory)
  database.ipv4Roots.set(ipv4Roots)
  database.ipv6Roots.set(ipv6Roots)
  database.leaves.set(leaves)
  database.nodes.set(nodes)
  return memory
}
