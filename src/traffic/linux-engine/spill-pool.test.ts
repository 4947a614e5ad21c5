/** Bytes of different clients side by side in one slab: no chunk may reach into another, and the whole is bounded. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ffiProblem } from '../../kernel/limits.ts'
import type { Spill, SpillPool as Pool } from './spill-pool.ts'

const skip = process.platform === 'linux' && ffiProblem() === undefined ? false : 'native calls do not work here'

const { SPILL_BYTES_MAX, SpillPool } = skip === false ? await import('./spill-pool.ts') : ({} as never)

const MIB = 1024 * 1024
const KIB = 1024
/** What one batch reads at most, each up to 16 KiB [io-ring.ts RING_ENTRIES]. */
const BATCH_READS = 64

function takeAll(pool: Pool, bytes: number): Spill[] {
  const lent: Spill[] = []
  for (let spill = pool.take(bytes); spill !== undefined; spill = pool.take(bytes)) lent.push(spill)
  return lent
}

describe('spill pool', { skip }, () => {
  test('reserves nothing before it is needed, and never more than its limit', () => {
    const pool = new SpillPool(3 * MIB)
    assert.equal(pool.bytesReserved, 0)
    assert.equal(takeAll(pool, SPILL_BYTES_MAX).length, (3 * MIB) / SPILL_BYTES_MAX)
    assert.equal(pool.bytesReserved, 3 * MIB)
    assert.equal(pool.canHold(), false)
  })

  test('a limit below one slab holds nothing, and says so', () => {
    const pool = new SpillPool(MIB - 1)
    assert.equal(pool.canHold(), false)
    assert.equal(pool.take(1), undefined)
    assert.equal(pool.bytesReserved, 0)
  })

  test('gives the smallest chunk that fits, a larger one when there is no other', () => {
    const pool = new SpillPool(2 * MIB)
    assert.equal(pool.take(1)?.bytes.length, 4 * KIB)
    assert.equal(pool.take(4 * KIB)?.bytes.length, 4 * KIB)
    assert.equal(pool.take(4 * KIB + 1)?.bytes.length, 16 * KIB)
    // Both slabs are in use: one as chunks of 4 KiB, one as chunks of 16 KiB.
    assert.equal(pool.take(16 * KIB + 1), undefined)
    for (const spill of takeAll(pool, 16 * KIB)) assert.equal(spill.bytes.length, 16 * KIB)
    for (const spill of takeAll(pool, 1)) assert.equal(spill.bytes.length, 4 * KIB)
  })

  test('has no chunk for more than the most that a direction may hold', () => {
    assert.equal(new SpillPool(2 * MIB).take(SPILL_BYTES_MAX + 1), undefined)
  })

  test('a chunk that comes back holds nothing of the one before', () => {
    const pool = new SpillPool(MIB)
    const spill = pool.take(100) as Spill
    spill.start = 3
    spill.end = 90
    pool.giveBack(spill)
    const again = pool.take(100) as Spill
    assert.equal(again, spill)
    assert.deepEqual([again.start, again.end], [0, 0])
  })

  test('whatever is taken and given back: chunks never overlap, fit what was asked, and canHold keeps its promise', () => {
    const step = fc.oneof(
      fc.record({ take: fc.oneof(fc.integer({ min: 1, max: 64 * KIB }), fc.constantFrom(1, 4096, 16_384, 65_536)) }),
      fc.record({ giveBack: fc.nat(1000) }),
    )
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 150 }), (slabs, steps) => {
        const pool = new SpillPool(slabs * MIB)
        const lent: Spill[] = []
        for (const now of steps) {
          if ('giveBack' in now) {
            if (lent.length > 0) pool.giveBack(lent.splice(now.giveBack % lent.length, 1)[0])
            continue
          }
          const wasPromised = pool.canHold()
          const spill = pool.take(now.take)
          if (wasPromised) assert.ok(spill !== undefined, `${now.take} bytes were promised`)
          if (spill === undefined) continue
          assert.ok(spill.bytes.length >= now.take)
          for (const other of lent) assert.ok(areApart(spill, other))
          lent.push(spill)
          assert.ok(pool.bytesReserved <= slabs * MIB)
        }
      }),
      { numRuns: 150 },
    )
  })

  test('canHoldMany keeps its promise: a whole batch of reads finds chunks, whatever was taken before and however long each is', () => {
    const read = fc.oneof(fc.constantFrom(1, 4096, 4097, 16 * KIB), fc.integer({ min: 1, max: 16 * KIB }))
    const before = fc.array(fc.oneof(read, fc.constant(SPILL_BYTES_MAX)), { maxLength: 200 })
    const batch = fc.array(read, { minLength: BATCH_READS, maxLength: BATCH_READS })
    let promises = 0
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), before, fc.nat(200), batch, (slabs, taken, returned, reads) => {
        const pool = new SpillPool(slabs * MIB)
        const lent = taken.map((bytes) => pool.take(bytes))
        for (const spill of lent.slice(0, returned)) if (spill !== undefined) pool.giveBack(spill)
        if (!pool.canHoldMany()) return
        promises++
        for (const bytes of reads) assert.ok(pool.take(bytes) !== undefined, `${bytes} bytes were promised`)
        assert.ok(pool.bytesReserved <= slabs * MIB)
      }),
      { numRuns: 300 },
    )
    assert.ok(promises > 20, `${promises} promises`)
  })

  test('canHoldMany says no before it is too late, and yes again when the chunks are back', () => {
    assert.equal(new SpillPool(0).canHoldMany(), false)
    const pool = new SpillPool(4 * MIB)
    assert.equal(pool.canHoldMany(), true)
    const lent = takeAll(pool, 16 * KIB)
    assert.equal(pool.canHoldMany(), false)
    for (const spill of lent) pool.giveBack(spill)
    assert.equal(pool.canHoldMany(), true)
  })

  for (const bytes of [1, 16 * KIB]) {
    test(`holds again once a crowd that kept ${bytes} bytes each has gone`, () => {
      const pool = new SpillPool(4 * MIB)
      const crowd = takeAll(pool, bytes)
      assert.equal(pool.canHold(), false)
      for (const spill of crowd) pool.giveBack(spill)
      assert.equal(pool.canHold(), true)
      assert.ok(pool.take(SPILL_BYTES_MAX) !== undefined)
    })
  }
})

function areApart(one: Spill, other: Spill): boolean {
  return one.at + one.bytes.length <= other.at || other.at + other.bytes.length <= one.at
}
