/**
 * What a lookup in a prefix table costs: `node bench/prefixes.ts [prefixes]`, 1,000,000 unless told otherwise.
 * Prints ns per lookup of random addresses (mixed lengths, so that most of the memory is out of every cache), changes a
 * second, the same for sets that somebody would choose to make lookups slow, and how long a change takes to be seen by
 * another thread. Each time is the tenth and the half of many short rounds: others use the machine too. Rounds of all
 * kinds take turns with reads of which each waits for the one before, so that their cost is known at the same time.
 */
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Network } from '../src/lib/ip.ts'
import { NO_PREFIX, PrefixTable } from '../src/lib/prefix-table.ts'
import { tableMemory } from '../src/kernel/huge-pages.ts'
import { PrefixTableWriter } from '../src/lib/prefix-table-writer.ts'
import { Random } from '../test/harness/random.ts'

const LOOKUPS = 1_000_000
const LOOKUPS_PER_ROUND = 2_000
const LOOKUPS_HARD = 200_000
const HARD_PREFIXES = 200_000
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
    printLookups(writer.memory, networks, random)
    console.log(`  add                ${Math.round(prefixes / addMs)},000 changes/s`)
    startedMs = performance.now()
    for (let i = 0; i < prefixes; i++) writer.delete(networks[i])
    console.log(`  delete             ${Math.round(prefixes / (performance.now() - startedMs))},000 changes/s`)
  }
  for (const [name, networks] of hardSets(Math.min(prefixes, HARD_PREFIXES))) {
    const capacity = networks[0].family === 4 ? { v4: networks.length, v6: 0 } : { v4: 0, v6: networks.length }
    const writer = new PrefixTableWriter(capacity, tableMemory(PrefixTableWriter.bytes(capacity)))
    networks.forEach((network, i) => writer.set(network, i))
    const lookups = coveredBy(networks, new Random(SEED), LOOKUPS_HARD)
    const table = new PrefixTable(writer.memory)
    const times = timesOf(LOOKUPS_HARD, [(from) => lookUp(table, lookups, from)])
    console.log(`  ${name}, ${writer.count} prefixes: ${cells(times[0])} ns`)
  }
  console.log(`seen by another thread after ${(await microsecondsUntilSeen()).toFixed(1)} µs (median)`)
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
interface Addresses {
  readonly bytes: Uint8Array
  readonly size: number
}

function randomAddresses(random: Random, size: number): Addresses {
  const bytes = new Uint8Array(LOOKUPS * size)
  for (let i = 0; i < LOOKUPS; i++) bytes.set(randomBytes(random, size === 4 ? 4 : 6), i * size)
  return { bytes, size }
}

function coveredBy(networks: readonly Network[], random: Random, count = LOOKUPS): Addresses {
  const size = networks[0].bytes.length
  const bytes = new Uint8Array(count * size)
  for (let i = 0; i < count; i++) bytes.set(networks[random.integer(networks.length)].bytes, i * size)
  return { bytes, size }
}

function printLookups(memory: SharedArrayBuffer, networks: readonly Network[], random: Random) {
  // One for each array of addresses, as a worker has one.
  const [forCovered, forOthers] = [new PrefixTable(memory), new PrefixTable(memory)]
  const ints = new Int32Array(memory)
  const places = Int32Array.from({ length: LOOKUPS }, () => random.integer(ints.length - 1))
  const covered = coveredBy(networks, random)
  const others = randomAddresses(random, covered.size)
  const times = timesOf(LOOKUPS, [
    (from) => readInTurn(ints, places, from),
    (from) => lookUp(forCovered, covered, from),
    (from) => lookUp(forOthers, others, from),
  ])
  console.log('                                 tenth   half')
  console.log(`  one read that waits for another${cells(times[0])} ns`)
  console.log(`  lookup of a covered address    ${cells(times[1])} ns`)
  console.log(`  lookup of a random address     ${cells(times[2])} ns`)
}

/** ns of each kind in rounds that take turns, the quickest first. */
function timesOf(count: number, kinds: readonly ((from: number) => number)[]): number[][] {
  const times: number[][] = kinds.map(() => [])
  for (let from = 0; from < count; from += LOOKUPS_PER_ROUND) {
    for (const [kind, run] of kinds.entries()) {
      const startedMs = performance.now()
      run(from)
      times[kind].push(((performance.now() - startedMs) * 1e6) / LOOKUPS_PER_ROUND)
    }
  }
  return times.map((all) => all.sort((a, b) => a - b))
}

function cells(times: readonly number[]): string {
  return [times[Math.floor(times.length / 10)], times[times.length >> 1]]
    .map((ns) => ns.toFixed(0).padStart(7))
    .join('')
}

function readInTurn(ints: Int32Array, places: Int32Array, from: number): number {
  let last = 0
  for (let i = from; i < from + LOOKUPS_PER_ROUND; i++) last = ints[places[i] + (last & 1)]
  return last
}

function lookUp(table: PrefixTable, { bytes, size }: Addresses, from: number): number {
  const family = size === 4 ? 4 : 6
  const end = (from + LOOKUPS_PER_ROUND) * size
  let found = 0
  for (let at = from * size; at < end; at += size) if (table.longest(bytes, at, family) !== NO_PREFIX) found++
  return found
}

/** Sets that fill groups and lengths as no real list does. Lookups are of addresses that they cover. */
function* hardSets(count: number): Generator<[string, Network[]]> {
  const random = new Random(SEED)
  const all = (family: 4 | 6, head: number[], length: (i: number) => number): Network[] =>
    Array.from({ length: count }, (_, i) => {
      const bytes = randomBytes(random, family)
      bytes.set(head)
      return { family, bytes, prefixLength: length(i) }
    })
  yield ['IPv4, all in one /8', all(4, [10], () => randomLength(random, 4))]
  yield ['IPv4, all in one /16', all(4, [10, 1], () => 17 + random.integer(16))]
  yield ['IPv4, all of one length', all(4, [], () => 32)]
  yield ['IPv4, every length', all(4, [], (i) => i % 33)]
  yield ['IPv6, all in one /32', all(6, [0x2a, 0, 0, 0], () => randomLength(random, 6))]
  yield ['IPv6, /64s of one /48', all(6, [0x2a, 0, 0, 0, 0, 0], () => 64)]
  yield ['IPv6, all of one length', all(6, [], () => 64)]
  yield ['IPv6, every length', all(6, [], (i) => i % 129)]
  yield ['IPv6, every length above 48 in one /48', all(6, [0x2a, 0, 0, 0, 0, 0], (i) => 49 + (i % 80))]
  yield ['IPv4, nested 16 deep', nested(4, count, 17, 1)]
  yield ['IPv6, nested 20 deep', nested(6, count, 33, 5)]
}

/** Chains of prefixes within each other, from `first` bits on. */
function nested(family: 4 | 6, count: number, first: number, step: number): Network[] {
  const random = new Random(SEED)
  const networks: Network[] = []
  while (networks.length < count) {
    const bytes = randomBytes(random, family)
    for (let length = first; length <= bytes.length * 8; length += step) {
      networks.push({ family, bytes, prefixLength: length })
    }
  }
  return networks
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
