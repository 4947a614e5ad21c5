/**
 * A MaxMind DB as the tree that workers ask: checked from end to end, with the one value that rules ask for in place of
 * each record, and without the nodes whose two sides say the same.
 */
import { type MmdbFile } from '../../lib/mmdb/mmdb-file.ts'
import { MmdbError } from '../../lib/mmdb/mmdb-data.ts'
import { NetworkDatabase, ROOTS, UNKNOWN, UNKNOWN_LEAF } from '../../traffic/admit/network-database.ts'
import { Pacer } from '../lists/pacer.ts'
import { FoldedTree } from './fold-tree.ts'

/** In an IPv6 tree, IPv4 addresses are those that begin with 96 zero bits. */
const IPV4_AT_DEPTH = 96

/** What was found of a node: nothing yet, that it is on the way to where we are, or its new place, moved up by NEW_PLACE. */
const UNSEEN = 0
const UNDER_WAY = 1
const NEW_PLACE = 2

/** `valueAt` says the value of the data at an offset, UNKNOWN where it has none. Throws MmdbError. */
export async function compileDatabase(file: MmdbFile, valueAt: (at: number) => number): Promise<SharedArrayBuffer> {
  const leaves = new Leaves(file, valueAt)
  const pacer = new Pacer()
  // Memory that is never written to is never had: most files shrink.
  const nodes = new Int32Array(file.nodeCount * 2)
  const { root, count } = await compileTree(file, leaves, nodes, pacer)
  const { values } = leaves
  const tree = new FoldedTree(nodes.subarray(0, count * 2), values)
  const [ipv4Roots, ipv6Roots] = [new Int32Array(ROOTS), new Int32Array(ROOTS)]
  tree.fillRoots(ipv4Roots, file.ipVersion === 4 ? root : leftmost(nodes, root))
  tree.fillRoots(ipv6Roots, file.ipVersion === 4 ? UNKNOWN_LEAF : root)
  await tree.fold(pacer, [ipv4Roots, ipv6Roots])
  const { memory, database } = NetworkDatabase.ofSize(values.length, tree.nodes.length)
  database.ipv4Roots.set(ipv4Roots)
  database.ipv6Roots.set(ipv6Roots)
  database.values.set(values)
  database.nodes.set(tree.nodes)
  return memory
}

/** Leaves have equal places exactly where their values are equal. */
class Leaves {
  readonly #file: MmdbFile
  readonly #valueAt: (at: number) => number
  readonly values = [UNKNOWN]
  readonly #placeByValue = new Map([[UNKNOWN, UNKNOWN_LEAF]])
  /** Thousands of records share their data. */
  readonly #placeByRecord = new Map<number, number>()

  constructor(file: MmdbFile, valueAt: (at: number) => number) {
    this.#file = file
    this.#valueAt = valueAt
  }

  /** Of a record that is no node. */
  placeOf(record: number): number {
    if (record === this.#file.nodeCount) return UNKNOWN_LEAF
    const known = this.#placeByRecord.get(record)
    if (known !== undefined) return known
    const place = this.#placeOfValue(this.#valueAt(this.#file.dataAt(record)))
    this.#placeByRecord.set(record, place)
    return place
  }

  #placeOfValue(value: number): number {
    const known = this.#placeByValue.get(value)
    if (known !== undefined) return known
    const place = ~this.values.length
    this.values.push(value)
    this.#placeByValue.set(value, place)
    return place
  }
}

/** Depth first, each node once: several places of a tree may lead to one node (IPv4 in 2002::/16), but none to itself. */
async function compileTree(
  file: MmdbFile,
  leaves: Leaves,
  nodes: Int32Array,
  pacer: Pacer,
): Promise<{ readonly root: number; readonly count: number }> {
  const depthMax = file.ipVersion === 4 ? 32 : 128
  const found = new Int32Array(file.nodeCount)
  const way = new Int32Array(depthMax)
  let count = 0
  const placeOf = (record: number): number => {
    if (record >= file.nodeCount) return leaves.placeOf(record)
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
