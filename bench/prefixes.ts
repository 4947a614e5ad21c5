/**
 * What a lookup in a prefix table costs: `node bench/prefixes.ts [prefixes]`, 1,000,000 unless told otherwise.
 * Prints ns per lookup of random addresses (mixed lengths, so that most of the memory is out of every cache), changes a
 * second, and how long a change takes to be seen by another thread.
 */
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Network } from '../src/lib/ip.ts'
import { NO_PREFIX, PrefixTable } from '../src/lib/prefix-table.ts'
import { tableMemory } from '../src/kernel/huge-pages.ts'
import { PrefixTableWriter } from '../src/lib/prefix-table-writer.ts'
import { Random } from '../test/harness/random.ts'

const LOOKUPS = 1_000_000
/** The least of all rounds of so many counts: others use the machine too. */
const LOOKUPS_PER_ROUND = 2_000
const CHANGES_SEEN = 1_000
const SEED = 1

/** Lengths of a large deny list and how many of 1,000 prefixes have them: single addresses and /24s, few large networks. */
const SHARES_V4 = [
  [32, 700],
  [24, 250],
  [23, 20],
  [22, 15],
  [21, 8],
  [20, 4],
  [19, 2],
  [16, 1],
] as const
const SHARES_V6 = [
  [128, 300],
  [64, 450],
  [56, 100],
  [48, 100],
  [44, 30],
  [40, 18],
  [32, 2],
] as const

const ADDRESS: Network = { family: 4, bytes: Uint8Array.from([192, 0, 2, 1]), prefixLength: 32 }

if (isMainThread) await main(Number(process.argv[2] ?? 1_000_000))
else watchForChanges(workerData as { memory: SharedArrayBuffer; signal: Int32Array })

async function main(prefixes: number): Promise<void> {
  for (const family of [4, 6] as const) {
    const random = new Random(SEED)
    const networks = Array.from({ length: prefixes }, () => randomNetwork(random, family))
    const capacity = family === 4 ? { v4: prefixes, v6: 0 } : { v4: 0, v6: prefixes }
    const writer = new PrefixTableWriter(capacity, tableMemory(PrefixTableWriter.bytes(capacity)))
    let startedMs = performance.now()
    for (let i = 0; i < prefixes; i++) writer.set(networks[i], i)
    const addMs = performance.now() - startedMs
    console.log(`IPv${family}: ${writer.count} prefixes in ${(writer.memory.byteLength / 2 ** 20).toFixed(1)} MiB`)
    const table = new PrefixTable(writer.memory)
    console.log(`  for scale: one read at a random place of this memory ${nsPerRead(writer.memory).toFixed(0)} ns`)
    console.log(`  covered addresses  ${nsPerLookup(table, coveredBy(networks, random)).toFixed(0)} ns`)
    console.log(
      `  random addresses   ${nsPerLookup(table, randomAddresses(random, networks[0].bytes.length)).toFixed(0)} ns`,
    )
    console.log(`  add                ${Math.round(prefixes / addMs)},000 changes/s`)
    startedMs = performance.now()
    for (let i = 0; i < prefixes; i++) writer.delete(networks[i])
    console.log(`  delete             ${Math.round(prefixes / (performance.now() - startedMs))},000 changes/s`)
  }
  console.log(`  seen by another thread after ${(await microsecondsUntilSeen()).toFixed(1)} µs (median)`)
}

function randomNetwork(random: Random, family: 4 | 6): Network {
  return { family, bytes: randomBytes(random, family), prefixLength: randomLength(random, family) }
}

function randomLength(random: Random, family: 4 | 6): number {
  let left = random.integer(1000)
  for (const [length, share] of family === 4 ? SHARES_V4 : SHARES_V6) if ((left -= share) < 0) return length
  return 32
}

/** Of IPv6 as in use: some ten thousand providers with a /32 each. */
function randomBytes(random: Random, family: 4 | 6): Uint8Array {
  const bytes = Uint8Array.from({ length: family === 4 ? 4 : 16 }, () => random.integer(256))
  if (family === 6) bytes.set([0x2a, random.integer(16), random.integer(256), random.integer(8)])
  return bytes
}

/** All in one array, as a worker finds addresses one after the other. */
function randomAddresses(random: Random, size: number): { bytes: Uint8Array; size: number } {
  const bytes = new Uint8Array(LOOKUPS * size)
  for (let i = 0; i < LOOKUPS; i++) bytes.set(randomBytes(random, size === 4 ? 4 : 6), i * size)
  return { bytes, size }
}

/** Each place depends on the read before: what a cache miss costs here and now. */
function nsPerRead(memory: SharedArrayBuffer): number {
  const ints = new Int32Array(memory)
  const places = Int32Array.from({ length: LOOKUPS }, (_, i) => Math.imul(i, 0x9e37_79b1) >>> 0).map(
    (place) => (place >>> 0) % (ints.length - 1),
  )
  let best = Infinity
  for (let from = 0; from < LOOKUPS; from += LOOKUPS_PER_ROUND) {
    const startedMs = performance.now()
    let last = 0
    for (let i = from; i < from + LOOKUPS_PER_ROUND; i++) last = ints[places[i] + (last & 1)]
    best = Math.min(best, ((performance.now() - startedMs) * 1e6) / LOOKUPS_PER_ROUND)
  }
  return best
}

function coveredBy(networks: readonly Network[], random: Random): { bytes: Uint8Array; size: number } {
  const size = networks[0].bytes.length
  const bytes = new Uint8Array(LOOKUPS * size)
  for (let i = 0; i < LOOKUPS; i++) bytes.set(networks[random.integer(networks.length)].bytes, i * size)
  return { bytes, size }
}

function nsPerLookup(table: PrefixTable, { bytes, size }: { bytes: Uint8Array; size: number }): number {
  const family = size === 4 ? 4 : 6
  let best = Infinity
  let found = 0
  const step = LOOKUPS_PER_ROUND * size
  for (let from = 0; from < bytes.length; from += step) {
    const startedMs = performance.now()
    for (let at = from; at < from + step; at += size) if (table.longest(bytes, at, family) !== NO_PREFIX) found++
    best = Math.min(best, ((performance.now() - startedMs) * 1e6) / LOOKUPS_PER_ROUND)
  }
  process.stdout.write(`  ${((found / LOOKUPS) * 100).toFixed(0).padStart(3)} %`)
  return best
}

/** The other thread looks all the time, as a worker under load does. */
async function microsecondsUntilSeen(): Promise<number> {
  const writer = new PrefixTableWriter({ v4: 1000, v6: 0 })
  const signal = new Int32Array(new SharedArrayBuffer(4))
  const thread = new Worker(new URL(import.meta.url), { workerData: { memory: writer.memory, signal } })
  await once(thread, 'message')
  const times: number[] = []
  for (let i = 1; i <= CHANGES_SEEN; i++) {
    const startedNs = process.hrtime.bigint()
    writer.set(ADDRESS, i)
    while (Atomics.load(signal, 0) !== i);
    times.push(Number(process.hrtime.bigint() - startedNs) / 1000)
  }
  await thread.terminate()
  return times.sort((a, b) => a - b)[CHANGES_SEEN >> 1]
}

function watchForChanges({ memory, signal }: { memory: SharedArrayBuffer; signal: Int32Array }): void {
  const table = new PrefixTable(memory)
  parentPort?.postMessage('looking')
  for (let seen = 0; seen < CHANGES_SEEN;) {
    seen = Math.max(0, table.longest(ADDRESS.bytes, 0, 4))
    Atomics.store(signal, 0, seen)
  }
}
