import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../../test/harness/random.ts'
import { EARLY_MS_MAX, isWithinRate, rateLimit, spend } from './rate-limit.ts'

/** How many of those that come at these times are let in, and when. */
function letIn(times: readonly number[], limit: ReturnType<typeof rateLimit>): number[] {
  let fullAtMs = 0
  return times.filter((nowMs) => {
    if (!isWithinRate(fullAtMs, limit, nowMs)) return false
    fullAtMs = spend(fullAtMs, limit, nowMs)
    return true
  })
}

test('a burst is let in at once, and after it one for each interval', () => {
  const limit = rateLimit(10, 1000, 5)
  assert.equal(letIn(Array<number>(20).fill(7000), limit).length, 5)
  const times = [...Array<number>(9).fill(7000), 7099, 7100, 7101, 7199, 7200, 7300]
  assert.deepEqual(letIn(times, limit), [7000, 7000, 7000, 7000, 7000, 7100, 7200, 7300])
})

test('a rest brings the whole burst back, and no more', () => {
  const limit = rateLimit(10, 1000, 5)
  const times = [...Array<number>(5).fill(0), ...Array<number>(20).fill(1_000_000)]
  assert.equal(letIn(times, limit).length, 10)
})

test('the last of a burst is not lost to rounding, at any rate and after any uptime', () => {
  for (const [count, perMs] of [
    [3, 1000],
    [7, 60_000],
    [30_000, 1000],
    [50_000, 1000],
    [999_983, 1000],
  ] as const) {
    for (const nowMs of [0, 1 / 3, 86_400_000.1, 365 * 86_400_000.3]) {
      const admitted = letIn(Array<number>(2000).fill(nowMs), rateLimit(count, perMs, 1000)).length
      // One more where rounding makes the difference itself.
      const most = 1001 + EARLY_MS_MAX * (count / perMs)
      assert.ok(admitted >= 1000 && admitted <= most, `${admitted} at ${count}`)
    }
  }
})

test('no stretch of time has more than burst + rate × (t + 10 µs)', () => {
  const random = new Random(11)
  for (let round = 0; round < 50; round++) {
    const burst = 1 + random.integer(8)
    const count = 1 + random.integer(40)
    let nowMs = 1e9
    const times = Array.from({ length: 300 }, () => (nowMs += random.integer(90) * random.integer(4)))
    const admitted = letIn(times, rateLimit(count, 1000, burst))
    for (let from = 0; from < admitted.length; from++) {
      for (let to = from; to < admitted.length; to++) {
        const most = burst + ((admitted[to] - admitted[from] + EARLY_MS_MAX) * count) / 1000
        assert.ok(
          to - from + 1 <= most + 1e-6,
          `${to - from + 1} in ${admitted[to] - admitted[from]} ms, at most ${most}`,
        )
      }
    }
  }
})
