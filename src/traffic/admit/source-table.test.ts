import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Random } from '../../../test/harness/random.ts'
import { parseIp } from '../../lib/ip.ts'
import { WORKER, WORKER_STRIDE } from '../counters.ts'
import { EARLY_MS_MAX, rateLimit } from './rate-limit.ts'
import type { RateLimit } from './rate-limit.ts'
import { type HammerStart, REPORT, REPORT_INTS } from './source-table-hammer-for-test.ts'
import {
  makeSourceMemory,
  NO_HANDLE,
  OVER_CONNECTIONS,
  OVER_RATE,
  SOURCE_CONNECTIONS_MAX,
  SourceTable,
  TAKEN,
} from './source-table.ts'
import { SOURCE, type SourceKind } from './source-key.ts'

const MIB = 1024 * 1024

interface Ask {
  readonly service?: number
  readonly kind?: SourceKind
  readonly connectionsMax?: number
  readonly rate?: RateLimit | null
  readonly anyway?: boolean
  readonly nowMs?: number
}

/** A table that is asked in words. */
function tableOf(memory = makeSourceMemory(MIB, 4)) {
  const counts = new Float64Array(WORKER_STRIDE)
  const table = new SourceTable(memory, counts)
  return {
    counts,
    table,
    take: (text: string, ask: Ask = {}): number => {
      const { bytes, family } = addressOf(text)
      const { service = 0, kind = SOURCE.address, connectionsMax = 0, rate = null, anyway = false, nowMs = 1000 } = ask
      return table.take(service, kind, bytes, 3, family, { connectionsMax, rate }, anyway, nowMs)
    },
    open: (text: string, kind: SourceKind = SOURCE.address, service = 0): number => {
      const { bytes, family } = addressOf(text)
      return table.openOf(service, kind, bytes, 3, family)
    },
  }
}

function addressOf(text: string): { bytes: Uint8Array; family: 4 | 6 } {
  const ip = parseIp(text)
  if (ip === undefined) throw new Error(text)
  const bytes = new Uint8Array(24)
  bytes.set(ip, 3)
  return { bytes, family: ip.length === 4 ? 4 : 6 }
}

function ipv4(i: number): string {
  return `${(i >>> 24) & 255}.${(i >>> 16) & 255}.${(i >>> 8) & 255}.${i & 255}`
}

describe('the table of sources', () => {
  test('takes as many connections as a source may have open, and one more for each that ends', () => {
    const { table, take, open } = tableOf()
    const limit = { connectionsMax: 2 }
    assert.equal(take('192.0.2.1', limit), TAKEN)
    const first = table.handle
    assert.equal(take('192.0.2.1', limit), TAKEN)
    assert.equal(take('192.0.2.1', limit), OVER_CONNECTIONS)
    assert.equal(table.handle, NO_HANDLE)
    assert.equal(take('192.0.2.2', limit), TAKEN)
    table.give(first)
    assert.equal(open('192.0.2.1'), 1)
    assert.equal(take('192.0.2.1', limit), TAKEN)
    assert.equal(take('192.0.2.1', limit), OVER_CONNECTIONS)
  })

  test('tells services, kinds and families apart, IPv6 by /64 and prefixes by /24 and /48', () => {
    const limit = { connectionsMax: 1 }
    const { take } = tableOf()
    const prefix = { ...limit, kind: SOURCE.prefix }
    const asked = [
      ['192.0.2.1', limit, TAKEN],
      ['192.0.2.1', { ...limit, service: 1 }, TAKEN],
      ['192.0.2.1', prefix, TAKEN],
      ['192.0.2.200', prefix, OVER_CONNECTIONS],
      ['192.0.3.1', prefix, TAKEN],
      ['192.0.2.0', limit, TAKEN],
      ['2001:db8:1:1::1', limit, TAKEN],
      ['2001:db8:1:1:ffff::2', limit, OVER_CONNECTIONS],
      ['2001:db8:1:2::1', limit, TAKEN],
      ['2001:db8:1:1::1', prefix, TAKEN],
      ['2001:db8:1:9999::1', prefix, OVER_CONNECTIONS],
      ['2001:db8:2::1', prefix, TAKEN],
      // The first 32 bits are those of 192.0.2.1.
      ['c000:201::', limit, TAKEN],
    ] as const
    for (const [text, ask, found] of asked) assert.equal(take(text, ask), found, `${text} ${JSON.stringify(ask)}`)
  })

  test('holds a source to its rate, and counts no refused one into it', () => {
    const { take } = tableOf()
    const rate = rateLimit(10, 1000, 3)
    for (let i = 0; i < 3; i++) assert.equal(take('192.0.2.1', { rate, nowMs: 5000 }), TAKEN)
    for (let i = 0; i < 9; i++) assert.equal(take('192.0.2.1', { rate, nowMs: 5000 + i * 10 }), OVER_RATE)
    assert.equal(take('192.0.2.1', { rate, nowMs: 5100 }), TAKEN)
    assert.equal(take('192.0.2.1', { rate, nowMs: 5101 }), OVER_RATE)
  })

  test('what is taken anyway is counted as open, and leaves the rate as a refusal does', () => {
    const { table, take, open } = tableOf()
    const rate = rateLimit(10, 1000, 1)
    const watch = { rate, anyway: true }
    assert.equal(take('192.0.2.1', watch), TAKEN)
    assert.equal(take('192.0.2.1', watch), OVER_RATE)
    assert.notEqual(table.handle, NO_HANDLE)
    assert.equal(take('192.0.2.1', { ...watch, connectionsMax: 2 }), OVER_CONNECTIONS)
    assert.equal(open('192.0.2.1'), 3)
    assert.equal(take('192.0.2.1', { ...watch, nowMs: 1101 }), TAKEN)
  })

  test('a client that a later step refuses has spent nothing', () => {
    const { table, take, open } = tableOf()
    const rate = rateLimit(10, 1000, 2)
    for (let i = 0; i < 20; i++) {
      assert.equal(take('192.0.2.1', { rate }), TAKEN)
      table.undo(table.handle, table.hasSpent, { connectionsMax: 0, rate })
    }
    assert.equal(open('192.0.2.1'), 0)
    assert.deepEqual([take('192.0.2.1', { rate }), take('192.0.2.1', { rate })], [TAKEN, TAKEN])
    assert.equal(take('192.0.2.1', { rate }), OVER_RATE)
  })

  test('counts the sources that have connections', () => {
    const { table, counts, take } = tableOf()
    take('192.0.2.1')
    const { handle } = table
    take('192.0.2.1')
    take('192.0.2.2')
    assert.equal(counts[WORKER.sourcesTracked], 2)
    table.give(table.handle)
    table.give(handle)
    assert.equal(counts[WORKER.sourcesTracked], 1)
  })

  test('the rate of a service is its own', () => {
    const { table } = tableOf()
    const rate = rateLimit(100, 1000, 2)
    const ask = (service: number, nowMs: number) => table.takeServiceRates(service, rate, null, false, nowMs) === 0
    assert.deepEqual(
      [ask(0, 50), ask(0, 50), ask(0, 50), ask(3, 50), ask(0, 60), ask(0, 60)],
      [true, true, false, true, true, false],
    )
  })

  test('the rate for an attack is asked first; who is refused for it spends nothing, who is only watched does', () => {
    const { table } = tableOf()
    const [slow, slower] = [rateLimit(1, 1000, 3), rateLimit(1, 1000, 1)]
    const ask = (attackRefuses: boolean) => table.takeServiceRates(0, slow, slower, attackRefuses, 50)
    assert.deepEqual(
      [ask(true), ask(true), ask(true), ask(false), ask(false), ask(false), ask(true)],
      [0, 2, 2, 2, 2, 2 + 1, 2],
    )
    assert.equal(table.takeServiceRates(0, null, null, true, 50), 0)
  })

  test('lets in without counting whoever finds its bucket full of open connections, and says so', () => {
    const { table, counts, take } = tableOf(makeSourceMemory(192, 1))
    assert.equal(table.entriesFor(SOURCE.address), 9)
    const limit = { connectionsMax: 1 }
    for (let i = 0; i < 9; i++) assert.equal(take(ipv4(i), limit), TAKEN)
    const { handle } = table
    for (let i = 0; i < 3; i++) {
      assert.equal(take('192.0.2.1', limit), TAKEN)
      assert.equal(table.handle, NO_HANDLE)
    }
    assert.equal(counts[WORKER.sourcesUntracked], 3)
    for (let i = 0; i < 9; i++) assert.equal(take(ipv4(i), limit), OVER_CONNECTIONS)
    table.give(handle)
    assert.equal(take('192.0.2.1', limit), TAKEN)
    assert.equal(take('192.0.2.1', limit), OVER_CONNECTIONS)
  })

  test('counts no more of one source than its place has room for, and harms nobody beside it', () => {
    const { table, counts, take, open } = tableOf(makeSourceMemory(192, 2000))
    const most = { service: 1999, kind: SOURCE.prefix, rate: rateLimit(1, 1000, SOURCE_CONNECTIONS_MAX + 2) }
    for (let i = 0; i < SOURCE_CONNECTIONS_MAX; i++) take('2001:db8::1', most)
    const { handle } = table
    take('2001:db8:1::1', most)
    assert.equal(take('2001:db8::1', most), TAKEN)
    assert.deepEqual([table.handle, counts[WORKER.sourcesUntracked]], [NO_HANDLE, 1])
    assert.equal(take('2001:db8::1', most), TAKEN)
    assert.equal(take('2001:db8::1', most), OVER_RATE, 'its rate holds all the same')
    assert.equal(open('2001:db8::1', SOURCE.prefix, 1999), SOURCE_CONNECTIONS_MAX)
    assert.equal(open('2001:db8:1::1', SOURCE.prefix, 1999), 1)
    table.give(handle)
    assert.equal(open('2001:db8::1', SOURCE.prefix, 1999), SOURCE_CONNECTIONS_MAX - 1)
    const overAll = { ...most, rate: null, connectionsMax: SOURCE_CONNECTIONS_MAX }
    assert.deepEqual([take('2001:db8::1', overAll), take('2001:db8::1', overAll)], [TAKEN, OVER_CONNECTIONS])
  })

  test('ASes have places of their own, which no flood of addresses takes', () => {
    const { table } = tableOf(makeSourceMemory(MIB, 1))
    const [asns, others] = [table.entriesFor(SOURCE.asn), table.entriesFor(SOURCE.prefix)]
    assert.ok(asns * 16 >= asns + others && asns * 15 <= asns + others, `${asns} beside ${others}`)
    const [bytes, limits] = [new Uint8Array(4), { connectionsMax: 1, rate: rateLimit(1, 1000, 2) }]
    const words = new DataView(bytes.buffer)
    const takeAll = (kind: SourceKind, count: number): number[] => {
      return Array.from({ length: count }, (_, i) => {
        words.setUint32(0, i)
        return table.take(0, kind, bytes, 0, 4, limits, false, 1000)
      })
    }
    assert.ok(takeAll(SOURCE.asn, 100).every((found) => found === TAKEN))
    takeAll(SOURCE.address, others * 2)
    takeAll(SOURCE.prefix, others * 2)
    assert.ok(takeAll(SOURCE.asn, 100).every((found) => found === OVER_CONNECTIONS))
  })

  test('gives away an entry whose rate has recovered, and counts it when none has', () => {
    const { table, counts, take } = tableOf(makeSourceMemory(192, 1))
    const rate = rateLimit(1, 1000, 5)
    const come = (text: string, nowMs: number): number => {
      const found = take(text, { rate, nowMs })
      table.give(table.handle)
      return found
    }
    // The last is deepest in its burst; the others are full again after 1 s.
    for (let i = 0; i < 8; i++) come(ipv4(i), 10_000 + i)
    for (let i = 0; i < 5; i++) come(ipv4(9), 10_000)
    for (let i = 100; i < 108; i++) come(ipv4(i), 12_000)
    assert.equal(counts[WORKER.sourcesForgotten], 0)
    for (let i = 200; i < 250; i++) come(ipv4(i), 12_001)
    assert.equal(counts[WORKER.sourcesForgotten], 50)
    // It has had 5, and 2 have come back.
    assert.deepEqual([come(ipv4(9), 12_001), come(ipv4(9), 12_001), come(ipv4(9), 12_001)], [TAKEN, TAKEN, OVER_RATE])
  })

  test('a lock that nobody gives back costs the count, never the client', () => {
    const memory = makeSourceMemory(192, 1)
    const { table, counts, take } = tableOf(memory)
    // Behind the head, one service and the bucket of ASes.
    new Int32Array(memory)[12 + 16 + 48] = 1
    assert.equal(take('192.0.2.1', { connectionsMax: 1 }), TAKEN)
    assert.equal(table.handle, NO_HANDLE)
    new Int32Array(memory)[12] = 1
    assert.equal(table.takeServiceRates(0, rateLimit(1, 1000, 1), null, false, 0), 0)
    assert.equal(counts[WORKER.sourcesUntracked], 2)
  })
})

/** What is true: as many buckets of tokens as there are sources, and nothing is forgotten. */
class Model {
  readonly #sources = new Map<string, { open: number; tokens: number; seenMs: number }>()

  /** What is to be found, and whether it is so close that rounding decides. */
  judge(key: string, connectionsMax: number, perMs: number, burst: number, nowMs: number) {
    const source = this.#of(key, burst, nowMs)
    source.tokens = Math.min(burst, source.tokens + (nowMs - source.seenMs) * perMs)
    source.seenMs = nowMs
    if (source.open >= connectionsMax) return { found: OVER_CONNECTIONS, isClose: false }
    return {
      found: source.tokens >= 1 ? TAKEN : OVER_RATE,
      isClose: Math.abs(source.tokens - 1) <= EARLY_MS_MAX * perMs + 1e-6,
    }
  }

  take(key: string): void {
    const source = this.#sources.get(key)!
    source.open++
    source.tokens--
  }

  give(key: string): void {
    this.#sources.get(key)!.open--
  }

  openOf(key: string): number {
    return this.#sources.get(key)?.open ?? 0
  }

  #of(key: string, burst: number, nowMs: number) {
    let source = this.#sources.get(key)
    if (source === undefined) this.#sources.set(key, (source = { open: 0, tokens: burst, seenMs: nowMs }))
    return source
  }
}

interface Sequence {
  readonly seed: number
  readonly bytes: number
  readonly sources: number
  readonly steps: number
}

/** Random comings and goings; returns how often the table let in whom the model refuses, and never the other way round. */
function compare({ seed, bytes, sources, steps }: Sequence) {
  const random = new Random(seed)
  const { table, counts, take, open } = tableOf(makeSourceMemory(bytes, 2))
  const model = new Model()
  const [connectionsMax, count, burst] = [1 + random.integer(6), 1 + random.integer(20), 1 + random.integer(10)]
  const rate = rateLimit(count, 1000, burst)
  const held: { handle: number; key: string }[] = []
  let nowMs = 1e8
  let lenient = 0
  for (let step = 0; step < steps; step++) {
    nowMs += random.integer(4) * random.integer(20)
    if (held.length > 0 && random.chance(0.45)) {
      const [left] = held.splice(random.integer(held.length), 1)
      table.give(left.handle)
      if (left.handle !== NO_HANDLE) model.give(left.key)
      continue
    }
    const text = ipv4(0x0a000000 + random.integer(sources) * 7)
    const expected = model.judge(text, connectionsMax, count / 1000, burst, nowMs)
    const found = take(text, { connectionsMax, rate, nowMs })
    if (found === TAKEN) {
      held.push({ handle: table.handle, key: text })
      if (table.handle !== NO_HANDLE) model.take(text)
      if (expected.found !== TAKEN && !expected.isClose) lenient++
    } else if (!expected.isClose || found === OVER_CONNECTIONS) {
      assert.equal(found, expected.found, `seed ${seed}, step ${step}, ${text}`)
    }
    assert.equal(open(text), model.openOf(text), `seed ${seed}, step ${step}, ${text}`)
  }
  return { lenient, errors: counts[WORKER.sourcesUntracked] + counts[WORKER.sourcesForgotten] }
}

describe('the table beside a model that forgets nothing', () => {
  test('with room, every answer is the same', () => {
    for (let seed = 1; seed <= 60; seed++) {
      assert.deepEqual(compare({ seed, bytes: MIB, sources: 30, steps: 2000 }), { lenient: 0, errors: 0 }, `${seed}`)
    }
  })

  test('without room, it is too lenient now and then, and never refuses whom the model lets in', () => {
    let errors = 0
    for (let seed = 100; seed <= 160; seed++) {
      errors += compare({ seed, bytes: 2 * 256, sources: 60, steps: 3000 }).errors
    }
    assert.ok(errors > 0)
  })
})

describe('ten million sources', () => {
  test(
    'leave a source that has connections open as it is, in a memory that stays as it is',
    { timeout: 120_000 },
    () => {
      const memory = makeSourceMemory(8 * MIB, 2)
      const bytes = memory.byteLength
      assert.ok(bytes <= 8 * MIB)
      const { table, take, open, counts } = tableOf(memory)
      const limits = { connectionsMax: 3, rate: rateLimit(100, 1000, 1000) }
      const known = Array.from({ length: 1000 }, (_, i) => `192.0.${i >> 8}.${i & 255}`)
      for (const text of known) for (let i = 0; i < 3; i++) take(text, limits)
      assert.equal(counts[WORKER.sourcesTracked], 1000)
      const flood = new Uint8Array(4)
      const words = new DataView(flood.buffer)
      let refused = 0
      for (let i = 0; i < 10_000_000; i++) {
        words.setUint32(0, 0x0b000000 + i)
        if (table.take(0, SOURCE.address, flood, 0, 4, limits, false, 1000 + i / 1000) !== TAKEN) refused++
        table.give(table.handle)
      }
      assert.equal(refused, 0)
      assert.equal(counts[WORKER.sourcesUntracked], 0)
      for (const text of known) {
        assert.equal(open(text), 3)
        assert.equal(take(text, { ...limits, nowMs: 20_000 }), OVER_CONNECTIONS)
      }
      assert.equal(memory.byteLength, bytes)
    },
  )

  test('fill a bucket with open connections as seldom as is said', () => {
    // 1 MiB has about 3,840 buckets for them; with 4 sources for each, one in 123 newcomers would meet 10 or more [Poisson].
    const { table, counts } = tableOf(makeSourceMemory(MIB, 2))
    const buckets = table.entriesFor(SOURCE.address) / 10
    const random = new Random(5)
    const bytes = new Uint8Array(4)
    const words = new DataView(bytes.buffer)
    const limits = { connectionsMax: 0, rate: null }
    let sources = 0
    for (; sources < buckets * 4; sources++) {
      words.setUint32(0, random.integer(2 ** 32))
      table.take(0, SOURCE.address, bytes, 0, 4, limits, false, 0)
    }
    counts[WORKER.sourcesUntracked] = 0
    const newcomers = 40_000
    for (let i = 0; i < newcomers; i++) {
      words.setUint32(0, random.integer(2 ** 32))
      table.take(0, SOURCE.address, bytes, 0, 4, limits, false, 0)
      table.give(table.handle)
    }
    const share = counts[WORKER.sourcesUntracked] / newcomers
    const expected = poissonAtLeast(10, sources / buckets)
    assert.ok(share > expected / 2 && share < expected * 2, `${share} met a full bucket, expected about ${expected}`)
  })
})

function poissonAtLeast(least: number, mean: number): number {
  let term = Math.exp(-mean)
  let below = 0
  for (let k = 0; k < least; k++) {
    below += term
    term *= mean / (k + 1)
  }
  return 1 - below
}

const THREADS = 4

/** Real threads on few sources, so that they meet all the time. */
async function hammer(limits: Pick<HammerStart, 'sources' | 'visits' | 'connectionsMax' | 'burst' | 'rate'>) {
  const beganMs = performance.now()
  const start: Omit<HammerStart, 'index'> = {
    ...limits,
    memory: makeSourceMemory(MIB, 1),
    report: new SharedArrayBuffer((REPORT_INTS + limits.sources) * 4),
    counts: new SharedArrayBuffer(THREADS * WORKER_STRIDE * 8),
  }
  const entry = new URL('source-table-hammer-for-test.ts', import.meta.url)
  const threads = Array.from({ length: THREADS }, (_, index) => {
    return new Worker(entry, { workerData: { start: { ...start, index }, threads: THREADS } })
  })
  const exits = await Promise.all(threads.map((thread) => once(thread, 'exit')))
  assert.deepEqual(exits.flat(), [0, 0, 0, 0])
  const report = new Int32Array(start.report)
  const counts = new Float64Array(start.counts)
  const sum = (place: number): number => {
    return Array.from({ length: THREADS }, (_, i) => counts[i * WORKER_STRIDE + place]).reduce((a, b) => a + b, 0)
  }
  const { open } = tableOf(start.memory)
  const openAtEnd = Array.from({ length: limits.sources }, (_, i) => open(`192.0.2.${i}`))
  return {
    taken: report[REPORT.taken],
    refused: report[REPORT.refused],
    tooMany: report[REPORT.tooMany],
    ms: performance.now() - beganMs,
    tracked: sum(WORKER.sourcesTracked),
    untracked: sum(WORKER.sourcesUntracked),
    openAtEnd,
  }
}

describe('four threads on one table', () => {
  test('have never more open than a source may, and none is left', { timeout: 60_000 }, async () => {
    const found = await hammer({ sources: 3, visits: 50_000, connectionsMax: 2, burst: 0, rate: 0 })
    assert.equal(found.tooMany, 0)
    assert.ok(found.taken > 0 && found.refused > 0)
    assert.equal(found.taken + found.refused + found.untracked, THREADS * 50_000)
    assert.deepEqual([found.tracked, found.openAtEnd], [0, [0, 0, 0]])
  })

  test('let in a burst once for all of them', { timeout: 60_000 }, async () => {
    const found = await hammer({ sources: 5, visits: 20_000, connectionsMax: 0, burst: 1000, rate: 0 })
    assert.deepEqual([found.taken, found.tracked, found.openAtEnd], [5000, 0, [0, 0, 0, 0, 0]])
  })

  test('let in a rate once for all of them, while time goes by', { timeout: 60_000 }, async () => {
    const found = await hammer({ sources: 2, visits: 50_000, connectionsMax: 0, burst: 10, rate: 2000 })
    const most = 2 * (10 + (found.ms + EARLY_MS_MAX) * 2)
    assert.ok(found.taken > 20 && found.taken <= most, `${found.taken} in ${found.ms} ms, at most ${most}`)
    assert.equal(found.tracked, 0)
  })
})
