import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { STRIKE_CODES, STRIKE_NAMES } from './admit/strike-kinds.ts'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES } from './close-reason.ts'
import {
  CONNECT_MS_BUCKETS,
  Counters,
  SERVICE,
  SERVICE_STRIDE,
  UPSTREAM,
  UPSTREAM_STRIDE,
  WORKER,
  WORKER_STRIDE,
} from './counters.ts'

const SHAPE = { services: 3, upstreams: 4 }

function counters(): Counters {
  return new Counters(new SharedArrayBuffer(Counters.bytes(SHAPE)), SHAPE)
}

describe('counters', () => {
  test('every place of every block is a place of its own, and together they fill the memory', () => {
    const memory = new SharedArrayBuffer(Counters.bytes(SHAPE))
    const { worker, services, upstreams } = new Counters(memory, SHAPE)
    let next = 1
    for (const view of [worker, services, upstreams]) for (let i = 0; i < view.length; i++) view[i] = next++
    const all = new Float64Array(memory)
    assert.equal(all.length, next - 1)
    assert.equal(new Set(all).size, all.length)
    assert.deepEqual(
      [worker.length, services.length, upstreams.length],
      [WORKER_STRIDE, 3 * SERVICE_STRIDE, 4 * UPSTREAM_STRIDE],
    )
  })

  test('the places of one service fill its block: open to newcomers, each reason closed, refused and watched, each strike', () => {
    const codes = CLOSE_REASON_NAMES.map((name) => CLOSE_REASON_CODES[name])
    const places = [
      SERVICE.open,
      SERVICE.total,
      SERVICE.bytesToUpstream,
      SERVICE.bytesToClient,
      SERVICE.queued,
      SERVICE.queueMsSum,
      SERVICE.hedges,
      SERVICE.hedgesWon,
      SERVICE.newcomers,
      ...codes.map((code) => SERVICE.closed + code),
      ...codes.map((code) => SERVICE.refused + code),
      ...codes.map((code) => SERVICE.watched + code),
      ...STRIKE_NAMES.map((name) => SERVICE.strikes + STRIKE_CODES[name]),
    ]
    assert.deepEqual(
      [...new Set(places)].toSorted((a, b) => a - b),
      Array.from({ length: SERVICE_STRIDE }, (_, i) => i),
    )
  })

  test('the places of an upstream and of a worker fill their blocks', () => {
    const buckets = CONNECT_MS_BUCKETS.length + 1
    assert.equal(UPSTREAM.connectBuckets + buckets, UPSTREAM_STRIDE)
    assert.deepEqual(
      Object.values(WORKER),
      Array.from({ length: WORKER_STRIDE }, (_, i) => i),
    )
  })

  test('a connect goes into the first bucket whose bound it does not exceed, and its time into the sum', () => {
    for (const [bucket, bound] of CONNECT_MS_BUCKETS.entries()) {
      const one = counters()
      one.countConnect(2, bound)
      one.countConnect(2, bound + 0.125)
      const at = 2 * UPSTREAM_STRIDE
      assert.equal(one.upstreams[at + UPSTREAM.connectBuckets + bucket], 1, `${bound} ms`)
      assert.equal(one.upstreams[at + UPSTREAM.connectBuckets + bucket + 1], 1, `just over ${bound} ms`)
      assert.equal(one.upstreams[at + UPSTREAM.connectMsSum], 2 * bound + 0.125)
    }
  })

  test('the last bucket takes the rest, and no neighbour is touched', () => {
    const one = counters()
    one.countConnect(1, 0)
    one.countConnect(1, 1e9)
    const touched = [...one.upstreams].flatMap((value, place) => (value === 0 ? [] : [place]))
    assert.deepEqual(touched, [
      UPSTREAM_STRIDE + UPSTREAM.connectMsSum,
      UPSTREAM_STRIDE + UPSTREAM.connectBuckets,
      2 * UPSTREAM_STRIDE - 1,
    ])
    assert.equal(one.services.every((value) => value === 0) && one.worker.every((value) => value === 0), true)
  })
})
