import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WORKER } from '../../traffic/counters.ts'
import { BusyRatios } from './busy-ratios.ts'
import { SharedMemory } from './shared-memory.ts'

test('the busy ratio is of the last samples, not since the start', (t) => {
  const memory = new SharedMemory(2, { services: 1, upstreams: 1 }, 1)
  const [first] = memory.workers
  let nowMs = 0
  const busy = new BusyRatios(memory.workers, () => nowMs)
  t.after(() => busy.close())
  assert.deepEqual(busy.ratios(), [0, 0])

  nowMs = 1000
  first.counters.worker[WORKER.busyMs] = 250
  assert.deepEqual(busy.ratios(), [0.25, 0])

  for (let i = 0; i < 20; i++) {
    busy.sample()
    nowMs += 1000
    first.counters.worker[WORKER.busyMs] += 900
  }
  assert.ok(Math.abs(busy.ratios()[0] - 0.9) < 1e-9)
})
