import { header, mmdbOf, nodeBytes } from '../../../test/harness/mmdb.ts'
import { Random } from '../../../test/harness/random.ts'

const LEVELS = 7
/** Parts of a level that has more than one: all but the first. */
const WIDTH = 32
const BRANCH_BITS = 5
const PLACES = 2 ** BRANCH_BITS
const CHAIN_BITS = 16 - BRANCH_BITS
const NODES_PER_PART = PLACES - 1 + PLACES * CHAIN_BITS

const DATA = Buffer.concat([
  header(7, 2),
  ...['country', 'DE', 'asn', 'AS1'].flatMap((text) => [header(2, text.length), Buffer.from(text)]),
])

/**
 * A small file with 32 parts of 16 bits in each of 7 levels, each of which leads to 32 of the next. Two of them together
 * would have nearly all pairs of parts in each level.
 */
export function entangledMmdb(seed: number): Buffer {
  const random = new Random(seed)
  const parts = 1 + (LEVELS - 1) * WIDTH
  const count = parts * NODES_PER_PART
  const nodes: Buffer[] = []
  for (let part = 0; part < parts; part++) {
    const level = Math.ceil(part / WIDTH)
    const at = part * NODES_PER_PART
    for (let i = 1; i < PLACES; i++) {
      const below = (side: number): number => {
        return side < PLACES ? at + side - 1 : at + PLACES - 1 + (side - PLACES) * CHAIN_BITS
      }
      nodes.push(nodeBytes(below(2 * i), below(2 * i + 1), 24))
    }
    for (let i = 0; i < PLACES * CHAIN_BITS; i++) {
      const isLast = i % CHAIN_BITS === CHAIN_BITS - 1
      const next = 1 + level * WIDTH + random.integer(WIDTH)
      const end = level === LEVELS - 1 ? count + 16 : next * NODES_PER_PART
      nodes.push(nodeBytes(isLast ? end : at + PLACES + i, count, 24))
    }
  }
  return mmdbOf(nodes, DATA)
}
