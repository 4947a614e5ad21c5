/** One writer, one reader, no lock: what goes in comes out whole and in order, or is dropped and said to be. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import {
  ATTEMPT_TIMED_OUT,
  LOGGED_ATTEMPTS_MAX,
  LogRingReader,
  LogRingWriter,
  RECORD_BYTES_MAX,
  ringBytes,
} from './log-ring.ts'
import type { ConnectionRecord, FailedAttempt } from './log-ring.ts'

/** A record without failed attempts: 7 floats, 14 ints, 16 bytes of address. */
const PLAIN_BYTES = 128
/** Positions are kept modulo this. */
const POSITIONS = 2 ** 31

function record(sequence: number, attempts = 0): ConnectionRecord {
  return {
    timeMs: 1_700_000_000_000 + sequence,
    sequence,
    durationMs: sequence + 0.125,
    connectMs: -1,
    queueMs: 17,
    firstByteMs: sequence / 8,
    bytesToUpstream: 2 ** 52 + sequence,
    bytesToClient: sequence,
    serviceIndex: sequence % 7,
    listenerIndex: sequence % 5,
    upstreamIndex: -1,
    upstreamAddressIndex: -1,
    reasonCode: sequence % 18,
    attempts,
    clientRttUs: -1,
    upstreamRttUs: 2 ** 31 - 1,
    clientRetransmits: 3,
    upstreamRetransmits: 0,
    clientPort: 65_535,
    clientFamily: 6,
    clientAddress: Uint8Array.from({ length: 16 }, (_, i) => (sequence + i) & 0xff),
    failedAttempts: Array.from({ length: attempts }, (_, i) => attempt(sequence, i)),
  }
}

function attempt(sequence: number, i: number): FailedAttempt {
  return {
    upstreamIndex: i,
    upstreamAddressIndex: i * 2,
    error: i % 2 === 0 ? ATTEMPT_TIMED_OUT : 111,
    durationMs: sequence & 0xffff,
  }
}

/** What the ring keeps of it. */
function kept(written: ConnectionRecord): ConnectionRecord {
  return { ...written, failedAttempts: written.failedAttempts.slice(0, LOGGED_ATTEMPTS_MAX) }
}

interface Ring {
  readonly writer: LogRingWriter
  readonly reader: LogRingReader
}

/** `startAt`: both positions begin there, as after so many bytes. */
function ring(powerOfTwo: number, startAt = 0): Ring {
  const memory = new SharedArrayBuffer(ringBytes(powerOfTwo))
  new Int32Array(memory, 0, 2).fill(startAt)
  return { writer: new LogRingWriter(memory), reader: new LogRingReader(memory) }
}

function readAll({ reader }: Ring, recordsMax = Infinity): ConnectionRecord[] {
  const records: ConnectionRecord[] = []
  assert.equal(
    reader.read(recordsMax, (one) => records.push(one)),
    records.length,
  )
  return records
}

describe('log ring', () => {
  test('gives back what was written, with every failed attempt', () => {
    const one = ring(12)
    for (const attempts of [0, 1, 2, LOGGED_ATTEMPTS_MAX]) {
      assert.ok(one.writer.write(record(attempts + 40, attempts)))
      assert.deepEqual(readAll(one), [record(attempts + 40, attempts)])
    }
  })

  test('keeps the first attempts when there are too many, and the count of all', () => {
    const one = ring(12)
    one.writer.write(record(1, LOGGED_ATTEMPTS_MAX + 15))
    const [read] = readAll(one)
    assert.equal(read.failedAttempts.length, LOGGED_ATTEMPTS_MAX)
    assert.equal(read.attempts, LOGGED_ATTEMPTS_MAX + 15)
    assert.deepEqual(read, kept(record(1, LOGGED_ATTEMPTS_MAX + 15)))
  })

  test('a record that was read stays as it was when the ring goes on', () => {
    const one = ring(9)
    one.writer.write(record(1, 2))
    const [first] = readAll(one)
    for (let i = 2; i < 40; i++) {
      one.writer.write(record(i, 2))
      readAll(one)
    }
    assert.deepEqual(first, record(1, 2))
  })

  test('fills to its last byte, then drops the new and keeps the old', () => {
    const one = ring(10)
    const room = 2 ** 10 / PLAIN_BYTES
    for (let i = 0; i < room; i++) assert.ok(one.writer.write(record(i)), `record ${i} of ${room}`)
    assert.equal(one.writer.write(record(99)), false)
    assert.deepEqual(
      readAll(one).map(({ sequence }) => sequence),
      Array.from({ length: room }, (_, i) => i),
    )
    assert.ok(one.writer.write(record(100)))
    assert.deepEqual(readAll(one), [record(100)])
  })

  test('takes one more for each that is read from a full ring', () => {
    const one = ring(10)
    let written = 0
    while (one.writer.write(record(written))) written++
    for (let i = 0; i < 3 * written; i++) {
      assert.deepEqual(
        readAll(one, 1).map(({ sequence }) => sequence),
        [i],
      )
      assert.ok(one.writer.write(record(written + i)))
      assert.equal(one.writer.write(record(999)), false)
    }
  })

  test('reads no more than asked for, and goes on where it stopped', () => {
    const one = ring(12)
    for (let i = 0; i < 10; i++) one.writer.write(record(i))
    const seen = [readAll(one, 0), readAll(one, 3), readAll(one, 4), readAll(one, 100)]
    assert.deepEqual(
      seen.map((records) => records.map(({ sequence }) => sequence)),
      [[], [0, 1, 2], [3, 4, 5, 6], [7, 8, 9]],
    )
  })

  test('whatever is written and read, in whatever sizes and from wherever: nothing is lost, doubled, changed or swapped', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ write: fc.integer({ min: 0, max: LOGGED_ATTEMPTS_MAX + 2 }) }) },
      { weight: 2, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 6 }) }) },
    )
    // Multiples of 16, as all sizes are; the last ones make the positions wrap within the first few records.
    const start = fc.oneof(
      fc.constant(0),
      fc.integer({ min: 1, max: 200 }).map((back) => POSITIONS - back * 16),
    )
    const steps = fc.array(step, { maxLength: 120 })
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 12 }), start, steps, (powerOfTwo, startAt, script) => {
        const one = ring(powerOfTwo, startAt)
        const expected: ConnectionRecord[] = []
        let sequence = 0
        for (const now of script) {
          if ('read' in now) {
            assert.deepEqual(readAll(one, now.read), expected.splice(0, now.read))
            continue
          }
          const next = record(sequence++, now.write)
          const wasWritten = one.writer.write(next)
          if (wasWritten) expected.push(kept(next))
          // Less than half full, a ring of twice the longest record and more has room, however it lies.
          const bytes = expected.reduce((sum, { failedAttempts }) => sum + PLAIN_BYTES + failedAttempts.length * 16, 0)
          if (!wasWritten) assert.ok(bytes > 2 ** powerOfTwo - 2 * RECORD_BYTES_MAX, `dropped with ${bytes} bytes held`)
        }
        assert.deepEqual(readAll(one), expected)
      }),
      { numRuns: 600 },
    )
  })

  test('a writer in another thread and a reader here never show each other half a record', async () => {
    const records = 10_000
    const memory = new SharedArrayBuffer(ringBytes(13))
    const source = `
      import { workerData } from 'node:worker_threads'
      const { LogRingWriter } = await import(workerData.module)
      const writer = new LogRingWriter(workerData.memory)
      const record = ${record.toString()}
      const attempt = ${attempt.toString()}
      const ATTEMPT_TIMED_OUT = ${ATTEMPT_TIMED_OUT}
      for (let i = 0; i < ${records}; i++) while (!writer.write(record(i, i % 5)));
    `
    const workerData = { memory, module: new URL('log-ring.ts', import.meta.url).href }
    const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData })
    const failed = new Promise<never>((_, reject) => thread.once('error', reject))
    const reader = new LogRingReader(memory)
    let next = 0
    const take = (read: ConnectionRecord): void => {
      // deepEqual for all would be the slowest part; every field of some, the order of all.
      if (next % 16 === 0) assert.deepEqual(read, record(next, next % 5))
      else assert.deepEqual([read.sequence, read.failedAttempts.length], [next, next % 5])
      next++
    }
    const untilMs = performance.now() + 20_000
    for (;;) {
      reader.read(100, take)
      if (next === records) break
      assert.ok(performance.now() < untilMs, `${next} of ${records} records came`)
      await Promise.race([new Promise((resolve) => setImmediate(resolve)), failed])
    }
    await thread.terminate()
  })
})
