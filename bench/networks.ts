/**
 * What a lookup in a database of networks costs: `node bench/networks.ts [file.mmdb]`; without a file, one is made of
 * 400,000 networks, about as many as a free database of countries has. Prints ns per lookup of random addresses, and how
 * long control takes to read the file.
 */
import { readFileSync } from 'node:fs'
import { makeDatabase } from '../src/control/databases/read-database.ts'
import { NetworkDatabase } from '../src/traffic/admit/network-database.ts'
import { Random } from '../test/harness/random.ts'
import { madeDatabase, randomBytes } from './made-database.ts'

const LOOKUPS = 500_000
/** The least of all rounds of so many counts: others use the machine too. */
const LOOKUPS_PER_ROUND = 2_000

const random = new Random(1)
const file = process.argv[2] === undefined ? madeDatabase(random) : readFileSync(process.argv[2])
const startedMs = performance.now()
const { memory, type } = await makeDatabase(file, 'country')
const readMs = performance.now() - startedMs
const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
console.log(`${type}: ${mib(file.length)} read in ${readMs.toFixed(0)} ms, ${mib(memory.byteLength)} for workers`)
const database = new NetworkDatabase(memory)
console.log(`IPv4  ${nsPerLookup(4).toFixed(0)} ns`)
console.log(`IPv6  ${nsPerLookup(6).toFixed(0)} ns`)

function nsPerLookup(family: 4 | 6): number {
  const size = family === 4 ? 4 : 16
  const bytes = new Uint8Array(LOOKUPS * size)
  for (let i = 0; i < LOOKUPS; i++) bytes.set(randomBytes(random, size), i * size)
  let best = Infinity
  let known = 0
  const step = LOOKUPS_PER_ROUND * size
  for (let from = 0; from < bytes.length; from += step) {
    const startedMs = performance.now()
    for (let at = from; at < from + step; at += size) {
      database.find(bytes, at, family)
      if (database.country !== 0) known++
    }
    best = Math.min(best, ((performance.now() - startedMs) * 1e6) / LOOKUPS_PER_ROUND)
  }
  process.stdout.write(`${((known / LOOKUPS) * 100).toFixed(0).padStart(3)} % known  `)
  return best
}
