import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serviceForTest } from '../traffic/service-for-test.ts'
import type { Tables } from '../traffic/tables.ts'
import { Queues } from './queues.ts'

function tablesWith(...maxima: readonly number[]): Tables {
  const services = maxima.map((max, index) => {
    return serviceForTest([], { index, queue: { max, timeoutMs: 5000, perClient: 10, memory: undefined } })
  })
  return { version: 1, logConnections: 'all', services }
}

test('a queue stays with its service while its max does; without max there is none', () => {
  const queues = new Queues()
  const memories = (...maxima: readonly number[]) =>
    queues.bringInto(tablesWith(...maxima)).services.map(({ queue }) => queue.memory)
  const before = memories(10, 10, 0)
  assert.notEqual(before[0], undefined)
  assert.notEqual(before[0], before[1])
  assert.equal(before[2], undefined)
  const after = memories(10, 20, 5)
  assert.equal(after[0], before[0])
  assert.notEqual(after[1], before[1])
  assert.notEqual(after[2], undefined)
})
