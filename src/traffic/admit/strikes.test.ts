/** One writer, one reader, no lock: strikes come out whole and in order, or are dropped and counted. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { Counters, SERVICE, SERVICE_STRIDE, WORKER } from '../counters.ts'
import { STRIKE_CODES, STRIKE_NAMES, STRIKES, StrikesReader, StrikesWriter, strikeRingBytes } from './strikes.ts'
import type { Strike } from './strikes.ts'

/** Before the addresses, so that a wrong offset shows. */
const OFFSET = 3

function addressOf(n: number, family: 4 | 6): Uint8Array {
  const bytes = new Uint8Array(16)
  for (let i = 0; i < (family === 4 ? 4 : 16); i++) bytes[i] = (n * 7 + i) & 0xff
  return bytes
}

function strikeOf(n: number): Strike {
  const family = n % 3 === 0 ? 6 : 4
  return {
    serviceIndex: n % 1000,
    kind: STRIKE_NAMES[n % STRIKE_NAMES.length],
    family,
    address: addressOf(n, family),
  }
}

interface Ring {
  readonly writer: StrikesWriter
  readonly reader: StrikesReader
  readonly counters: Counters
}

const SHAPE = { services: 1000, upstreams: 1 }

/** `startAt`: both positions begin there, as after so many strikes. */
function ring(powerOfTwo: number, startAt = 0): Ring {
  const memory = new SharedArrayBuffer(strikeRingBytes(powerOfTwo))
  new Int32Array(memory, 0, 2).fill(startAt)
  const counters = new Counters(new SharedArrayBuffer(Counters.bytes(SHAPE)), SHAPE)
  return { writer: new StrikesWriter(memory, counters), reader: new StrikesReader(memory), counters }
}

function write({ writer }: Ring, n: number): void {
  const { serviceIndex, kind, family, address } = strikeOf(n)
  // What stands behind a short address must not come along.
  const bytes = new Uint8Array(OFFSET + 20).fill(0xee)
  bytes.set(address.subarray(0, family === 4 ? 4 : 16), OFFSET)
  writer.write(serviceIndex, STRIKE_CODES[kind], bytes, OFFSET, family)
}

function readAll({ reader }: Ring, strikesMax = Infinity): Strike[] {
  const strikes: Strike[] = []
  const count = reader.read(strikesMax, (strike) => strikes.push({ ...strike, address: strike.address.slice() }))
  assert.equal(count, strikes.length)
  return strikes
}

describe('strikes', () => {
  test('every kind has a code, a word and a sentence', () => {
    for (const [code, name] of STRIKE_NAMES.entries()) {
      assert.equal(STRIKE_CODES[name], code)
      assert.match(name, /^[a-z]+(-[a-z]+)*$/)
      assert.match(STRIKES[name], /^\w.*\w\.$/)
    }
  })

  test('gives back what was written, of both families', () => {
    const one = ring(4)
    for (let n = 0; n < 12; n++) write(one, n)
    assert.deepEqual(
      readAll(one),
      Array.from({ length: 12 }, (_, n) => strikeOf(n)),
    )
    assert.deepEqual(readAll(one), [])
  })

  test('counts them by service and kind', () => {
    const one = ring(1)
    for (const serviceIndex of [7, 7, 9]) {
      one.writer.write(serviceIndex, STRIKE_CODES['slow-read'], new Uint8Array(4), 0, 4)
    }
    const counted = [7, 8, 9].map((serviceIndex) => {
      const at = serviceIndex * SERVICE_STRIDE + SERVICE.strikes
      return STRIKE_NAMES.map((_, code) => one.counters.services[at + code])
    })
    const of = (strikes: number): number[] => STRIKE_NAMES.map((name) => (name === 'slow-read' ? strikes : 0))
    assert.deepEqual(counted, [of(2), of(0), of(1)])
  })

  test('fills to its last place, then drops the new, counts them and keeps the old', () => {
    const one = ring(3)
    for (let n = 0; n < 8 + 5; n++) write(one, n)
    assert.equal(one.counters.worker[WORKER.strikesDropped], 5)
    assert.deepEqual(
      readAll(one),
      Array.from({ length: 8 }, (_, n) => strikeOf(n)),
    )
    write(one, 99)
    assert.deepEqual(readAll(one), [strikeOf(99)])
    assert.equal(one.counters.worker[WORKER.strikesDropped], 5)
  })

  test('whatever is written and read, from wherever: nothing is lost uncounted, doubled, changed or swapped', () => {
    const step = fc.oneof(
      fc.record({ write: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ read: fc.integer({ min: 1, max: 9 }) }),
    )
    // The last ones make the positions wrap, from 2^31 - 1 to -2^31 and from -1 to 0.
    const start = fc.oneof(
      fc.constant(0),
      fc.integer({ min: 1, max: 40 }).map((back) => 2 ** 31 - back),
      fc.integer({ min: 1, max: 40 }).map((back) => -back),
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        start,
        fc.array(step, { maxLength: 60 }),
        (power, startAt, script) => {
          const one = ring(power, startAt)
          const held: Strike[] = []
          let next = 0
          let dropped = 0
          for (const now of script) {
            if ('read' in now) {
              assert.deepEqual(readAll(one, now.read), held.splice(0, now.read))
              continue
            }
            for (let i = 0; i < now.write; i++) {
              if (held.length < 2 ** power) held.push(strikeOf(next))
              else dropped++
              write(one, next++)
            }
          }
          assert.deepEqual(readAll(one), held)
          assert.equal(one.counters.worker[WORKER.strikesDropped], dropped)
        },
      ),
      { numRuns: 400 },
    )
  })

  test('a writer in another thread and a reader here never show each other half a strike', async () => {
    const strikes = 20_000
    const memory = new SharedArrayBuffer(strikeRingBytes(6))
    const source = `
      import { workerData } from 'node:worker_threads'
      const { StrikesWriter } = await import(workerData.module)
      const { Counters } = await import(workerData.counters)
      const shape = { services: ${strikes}, upstreams: 1 }
      const counters = new Counters(new SharedArrayBuffer(Counters.bytes(shape)), shape)
      const writer = new StrikesWriter(workerData.memory, counters)
      const header = new Int32Array(workerData.memory, 0, 2)
      const address = new Uint8Array(16)
      for (let n = 0; n < ${strikes};) {
        address.fill(n & 0xff)
        const before = header[0]
        writer.write(n, n % ${STRIKE_NAMES.length}, address, 0, 6)
        if (header[0] !== before) n++
      }
    `
    const workerData = {
      memory,
      module: new URL('strikes.ts', import.meta.url).href,
      counters: new URL('../counters.ts', import.meta.url).href,
    }
    const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData })
    const failed = new Promise<never>((_, reject) => thread.once('error', reject))
    const reader = new StrikesReader(memory)
    let next = 0
    const take = (strike: Strike): void => {
      assert.deepEqual([strike.serviceIndex, strike.kind], [next, STRIKE_NAMES[next % STRIKE_NAMES.length]])
      assert.ok(strike.address.every((byte) => byte === (next & 0xff)))
      next++
    }
    const untilMs = performance.now() + 20_000
    while (next < strikes) {
      reader.read(50, take)
      assert.ok(performance.now() < untilMs, `${next} of ${strikes} strikes came`)
      await Promise.race([new Promise((resolve) => setImmediate(resolve)), failed])
    }
    await thread.terminate()
  })
})
