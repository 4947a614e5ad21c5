import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Random } from '../../../test/harness/random.ts'
import { NeighbourCounts } from './neighbour-counts.ts'
import { StrikeCounts } from './strike-counts.ts'

const WITHIN_MS = 400

describe('strike counts', () => {
  test('points count for three quarters of the time at least, and for all of it at most', () => {
    const counts = new StrikeCounts()
    // Quarters begin at 0, 100, 200 …
    const cases: [number, number][] = [
      [0, 1],
      [99, 2],
      [100, 3],
      [399, 4],
      // The first quarter is over: two of them are gone.
      [400, 3],
      [499, 4],
      [500, 4],
      [2_000, 1],
    ]
    for (const [nowMs, wanted] of cases) assert.equal(counts.add('a', 1, WITHIN_MS, nowMs), wanted, `at ${nowMs}`)
  })

  test('each source has its own; one that is forgotten starts from nothing', () => {
    const counts = new StrikeCounts()
    assert.equal(counts.add(1, 100, WITHIN_MS, 0), 100)
    assert.equal(counts.add('1', 10, WITHIN_MS, 0), 10)
    counts.forget(1)
    assert.deepEqual([counts.add(1, 1, WITHIN_MS, 0), counts.add('1', 1, WITHIN_MS, 0)], [1, 11])
  })

  test('when it is full, who was struck longest ago goes', () => {
    const counts = new StrikeCounts(3)
    for (const source of [1, 2, 3, 1, 4]) counts.add(source, 1, WITHIN_MS, 0)
    assert.deepEqual([counts.size, counts.displaced], [3, 1])
    assert.deepEqual(
      [1, 3, 4].map((source) => counts.add(source, 1, WITHIN_MS, 0)),
      [3, 2, 2],
    )
    assert.equal(counts.add(2, 1, WITHIN_MS, 0), 1)
  })

  test('it is never less than what the last three quarters had, nor more than all four', () => {
    const random = new Random(7)
    const counts = new StrikeCounts(8)
    const added: { source: number; atMs: number; points: number }[] = []
    let nowMs = 0
    for (let i = 0; i < 5_000; i++) {
      nowMs += random.integer(60)
      const source = random.integer(8)
      const points = random.integer(100)
      added.push({ source, atMs: nowMs, points })
      const sum = counts.add(source, points, WITHIN_MS, nowMs)
      const since = (ms: number): number =>
        added.filter((one) => one.source === source && one.atMs > nowMs - ms).reduce((all, one) => all + one.points, 0)
      assert.ok(sum >= since((WITHIN_MS * 3) / 4), `step ${i}`)
      assert.ok(sum <= since(WITHIN_MS), `step ${i}`)
    }
    assert.equal(counts.displaced, 0)
  })
})

describe('neighbour counts', () => {
  test('so many different ones in the time, then it starts again', () => {
    const counts = new NeighbourCounts()
    const add = (source: number, nowMs: number): boolean => counts.add('n', source, 3, 100, nowMs)
    assert.deepEqual([add(1, 0), add(1, 10), add(2, 20), add(3, 30)], [false, false, false, true])
    assert.deepEqual([add(4, 40), add(5, 50), add(6, 140), add(7, 141)], [false, false, false, true])
  })

  test('when it is full, the neighbourhood that was quiet longest goes', () => {
    const counts = new NeighbourCounts(2)
    const add = (neighbourhood: string, source: number): boolean => counts.add(neighbourhood, source, 2, 100, 0)
    for (const one of ['a', 'b', 'c']) assert.equal(add(one, 1), false)
    assert.deepEqual([add('a', 2), add('c', 2)], [false, true])
  })
})
