import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { monotonicMs } from './clock.ts'

/** How far two readings of one clock may be apart that are taken one after the other on a busy machine. */
const APART_MS_MAX = 1

test('never goes back, and goes on by fractions of a millisecond', () => {
  let before = monotonicMs()
  const steps = new Set<number>()
  for (let i = 0; i < 20_000; i++) {
    const now = monotonicMs()
    assert.ok(now >= before, `${now} after ${before}`)
    steps.add(now - before)
    before = now
  }
  assert.ok([...steps].some((step) => step > 0 && step < 0.5))
})

test('is CLOCK_MONOTONIC', () => {
  // The closest of many: a thread may be put aside between two readings.
  const apart = Array.from({ length: 200 }, () => Math.abs(Number(process.hrtime.bigint()) / 1e6 - monotonicMs()))
  assert.ok(Math.min(...apart) < APART_MS_MAX)
})

test('is the same clock in a thread that starts later', async () => {
  const source = `
    import { parentPort, workerData } from 'node:worker_threads'
    const { monotonicMs } = await import(workerData)
    parentPort.on('message', () => parentPort.postMessage(monotonicMs()))
    parentPort.postMessage('ready')
  `
  const workerData = new URL('clock.ts', import.meta.url).href
  const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData })
  const answer = (): Promise<unknown> => new Promise((resolve) => thread.once('message', resolve))
  await answer()
  for (let i = 0; i < 20; i++) {
    const before = monotonicMs()
    const answered = answer()
    thread.postMessage('now')
    const there = (await answered) as number
    // Its reading lies between two of ours.
    assert.ok(there >= before - APART_MS_MAX && there <= monotonicMs() + APART_MS_MAX)
  }
  await thread.terminate()
})
