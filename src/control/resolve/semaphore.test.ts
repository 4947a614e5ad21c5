import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Semaphore } from './semaphore.ts'

test('a semaphore runs so many at once, in order, and gives a failed one its place back', async () => {
  const semaphore = new Semaphore(2)
  const log: string[] = []
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
  const runs = gates.map((gate, i) =>
    semaphore.run(async () => {
      log.push(`begin ${i}`)
      await gate.promise
      log.push(`end ${i}`)
    }),
  )
  const failing = assert.rejects(runs[0], /no/)
  await Promise.resolve()
  assert.deepEqual(log, ['begin 0', 'begin 1'])
  gates[0].reject(new Error('no'))
  await failing
  for (const gate of gates.slice(1)) gate.resolve()
  await Promise.all(runs.slice(1))
  assert.deepEqual(log.slice(2, 4), ['begin 2', 'end 1'], 'the failed one gave its place to the next in line')
  assert.deepEqual(log.toSorted(), ['begin 0', 'begin 1', 'begin 2', 'begin 3', 'end 1', 'end 2', 'end 3'])
})
