import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { NodeWide } from './node-wide.ts'

function shared(upstreamAddresses: number, views: number): NodeWide[] {
  const memory = new SharedArrayBuffer(NodeWide.bytes(upstreamAddresses))
  return Array.from({ length: views }, () => new NodeWide(memory))
}

describe('node-wide memory', () => {
  test('gives out connectionsMax places over all workers, and each again when it came back', () => {
    const [one, two] = shared(0, 2)
    assert.ok(one.takePlace(3))
    assert.ok(two.takePlace(3))
    assert.ok(one.takePlace(3))
    assert.equal(two.takePlace(3), false)
    assert.equal(one.takePlace(3), false)
    assert.equal(two.openConnections, 3)
    one.givePlaceBack()
    assert.ok(two.takePlace(3))
    assert.equal(two.takePlace(3), false)
    for (let i = 0; i < 3; i++) two.givePlaceBack()
    assert.equal(one.openConnections, 0)
  })

  test('a refusal leaves no trace', () => {
    const [one] = shared(0, 1)
    for (let i = 0; i < 100; i++) assert.equal(one.takePlace(0), false)
    assert.equal(one.openConnections, 0)
  })

  test('threads that take at once never have more than connectionsMax together', async () => {
    const connectionsMax = 1000
    const memory = new SharedArrayBuffer(NodeWide.bytes(0))
    const source = `
      import { parentPort, workerData } from 'node:worker_threads'
      const { NodeWide } = await import(workerData.module)
      const node = new NodeWide(workerData.memory)
      let taken = 0
      let most = 0
      for (let i = 0; i < 200_000; i++) {
        if (node.takePlace(${connectionsMax})) taken++
        if (i % 3 === 0 && taken > 0) {
          node.givePlaceBack()
          taken--
        }
        most = Math.max(most, taken)
      }
      parentPort.postMessage({ taken, most })
    `
    const workerData = { memory, module: new URL('node-wide.ts', import.meta.url).href }
    const one = (): Promise<{ taken: number; most: number }> =>
      new Promise((resolve, reject) => {
        const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData })
        thread.once('message', resolve)
        thread.once('error', reject)
      })
    const ends = await Promise.all([one(), one(), one()])
    const taken = ends.reduce((sum, end) => sum + end.taken, 0)
    assert.equal(new NodeWide(memory).openConnections, taken)
    assert.ok(taken <= connectionsMax, `${taken} places are taken`)
    for (const { most } of ends) assert.ok(most <= connectionsMax, `one thread had ${most} places`)
  })

  test('remembers and forgets a failure for all workers, for that address alone', () => {
    const [one, two] = shared(3, 2)
    assert.deepEqual(
      [0, 1, 2].map((i) => two.failedUntilMs(i)),
      [0, 0, 0],
    )
    one.rememberFailure(1, 123_456.75)
    assert.deepEqual(
      [0, 1, 2].map((i) => two.failedUntilMs(i)),
      [0, 123_456.75, 0],
    )
    two.forgetFailure(1)
    assert.equal(one.failedUntilMs(1), 0)
    assert.equal(one.openConnections, 0)
  })
})
