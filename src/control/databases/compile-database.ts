/**
 * A MaxMind DB as the tree that workers ask: checked from end to end, with the one value that rules ask for in place of
 * each record, and without the nodes whose two sides say the same.
 */
import { type MmdbFile } from '../../lib/mmdb/mmdb-file.ts'
import { MmdbError } from '../../lib/mmdb/mmdb-data.ts'
import { ROOTS, UNKNOWN, UNKNOWN_LEAF } from '../../traffic/admit/network-database.ts'
import { Pacer } from '../lists/pacer.ts'
import { databaseMemory } from './database-memory.ts'
import { FoldedTree } from './fold-tree.ts'
import { Leaves } from './leaves.ts'

/** In an IPv6 tree, IPv4 addresses are those that begin with 96 zero bits. */
const IPV4_AT_DEPTH = 96

/** What was found of a node: nothing yet, that it is on the way to where we are, or its new place, moved up by NEW_PLACE. */
const UNSEEN = 0
const UNDER_WAY = 1
const NEW_PLACE = 2

/** What a file is read for. */
export type DatabaseKind = 'country' | 'asn'

/** `valueAt` says the value of the data at an offset, UNKNOWN where it has none. Undefined where it has none at all. Throws MmdbError. */
export async function compileDatabase(
  file: MmdbFile,
  kind: DatabaseKind,
  valueAt: (at: number) => number,
): Promise<SharedArrayBuffer | undefined> {
  const leaves = new Leaves()
  const records = new Records(file, (at) => {
    const value = valueAt(at)
    return kind === 'country' ? leaves.placeOf(value, UNKNOWN) : leaves.placeOf(UNKNOWN, value)
  })
  const pacer = new Pacer()
  // Memory that is never written to is never had: most files shrink.
  const nodes = new Int32Array(file.nodeCount * 2)
  const { root, count } = await compileTree(file, records, nodes, pacer)
  if (leaves.knowNothing) return undefined
  const tree = new FoldedTree(nodes.subarray(0, count * 2), leaves.words)
  const [ipv4Roots, ipv6Roots] = [new Int32Array(ROOTS), new Int32Array(ROOTS)]
  tree.fillRoots(ipv4Roots, file.ipVersion === 4 ? root : leftmost(nodes, root))
  tree.fillRoots(ipv6Roots, file.ipVersion === 4 ? UNKNOWN_LEAF : root)
  await tree.fold(pacer, [ipv4Roots, ipv6Roots])
  return databaseMemory({ ipv4Roots, ipv6Roots, leaves: leaves.words, nodes: tree.nodes })
}

/** Thousands of records share their data. */
class Records {
  readonly #file: MmdbFile
  readonly #leafAt: (at: number) => number
  readonly #leafByRecord = new Map<number, number>()

  /** `leafAt` says the leaf of the data at an offset. */
  constructor(file: MmdbFile, leafAt: (at: number) => number) {
    this.#file = file
    this.#leafAt = leafAt
  }

  /** Of a record that is no node. */
  leafOf(record: number): number {
    if (record === this.#file.nodeCount) return UNKNOWN_LEAF
    const known = this.#leafByRecord.get(record)
    if (known !== undefined) return known
    const leaf = this.#leafAt(this.#file.dataAt(record))
    this.#leafByRecord.set(record, leaf)
    return leaf
  }
}

/** Depth first, each node once: several places of a tree may lead to one node (IPv4 in 2002::/16), but none to itself. */
async function compileTree(
  file: MmdbFile,
  records: Records,
  nodes: Int32Array,
  pacer: Pacer,
): Promise<{ readonly root: number; readonly count: number }> {
  const depthMax = file.ipVersion === 4 ? 32 : 128
  const found = new Int32Array(file.nodeCount)
  const way = new Int32Array(depthMax)
  let count = 0
  const placeOf = (record: number): number => {
    if (record >= file.nodeCount) return records.leafOf(record)
    return found[record] < 0 ? found[record] : found[record] - NEW_PLACE
  }
  found[0] = UNDER_WAY
  for (let depth = 0; depth >= 0;) {
    if (pacer.isTired()) await pacer.rest()
    const node = way[depth]
    const [left, right] = [file.record(node, 0), file.record(node, 1)]
    const open = openNode(left, file, found) ?? openNode(right, file, found)
    if (open !== undefined) {
      if (++depth === depthMax) throw new MmdbError(`is damaged: its tree is deeper than ${depthMax} bits`)
      found[open] = UNDER_WAY
      way[depth] = open
      continue
    }
    const [leftPlace, rightPlace] = [placeOf(left), placeOf(right)]
    if (leftPlace === rightPlace && leftPlace < 0) found[node] = leftPlace
    else {
      nodes[count * 2] = leftPlace
      nodes[count * 2 + 1] = rightPlace
      found[node] = count++ + NEW_PLACE
    }
    depth--
  }
  return { root: placeOf(0), count }
}

/** The node that a record names, where it has no place yet. */
function openNode(record: number, file: MmdbFile, found: Int32Array): number | undefined {
  if (record >= file.nodeCount || found[record] < UNSEEN || found[record] >= NEW_PLACE) return undefined
  if (found[record] === UNDER_WAY) throw new MmdbError(`is damaged: node ${record} of its tree leads to itself`)
  return record
}

function leftmost(nodes: Int32Array, root: number): number {
  let place = root
  for (let depth = 0; depth < IPV4_AT_DEPTH && place >= 0; depth++) place = nodes[place * 2]
  return place
}
