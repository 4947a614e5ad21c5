import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { noteConnectFailure } from './outlier.ts'
import { LOOPBACK, serviceForTest } from './service-for-test.ts'
import type { Outlier, Service } from './tables.ts'
import { UpstreamStates } from './upstream-states.ts'

const START_MS = 1_000_000

/** A service with so many upstreams, and what a test does to them. */
class Scene {
  readonly service: Service
  readonly states: UpstreamStates
  nowMs = START_MS

  constructor(upstreams: number, outlier: Partial<Outlier> = {}) {
    const shape = { services: 1, upstreams }
    this.states = new UpstreamStates(new SharedArrayBuffer(UpstreamStates.bytes(shape)), shape)
    const addresses = Array.from({ length: upstreams }, () => LOOPBACK)
    const whole = { failures: 5, ejectForMs: 30_000, ejectForMsMax: 300_000, ejectedPercentMax: 50, ...outlier }
    this.service = serviceForTest(addresses, { outlier: whole })
  }

  fail(upstream: number, times: number): void {
    for (let i = 0; i < times; i++) noteConnectFailure(this.states, this.service, upstream, this.nowMs)
  }

  /** How long the upstream is still out. */
  outMs(upstream: number): number {
    return Math.max(0, this.states.ejectedUntilMs(upstream) - this.nowMs)
  }

  /** Ejects upstream 0 and waits until it is back. */
  ejectOnce(): number {
    this.fail(0, 5)
    const ms = this.outMs(0)
    this.nowMs += ms
    return ms
  }
}

describe('an outlier', () => {
  test('leaves with the last failure in a row, and a success in between starts the count anew', () => {
    const scene = new Scene(3)
    scene.fail(0, 4)
    scene.states.forgetFailures(0)
    scene.fail(0, 4)
    assert.equal(scene.outMs(0), 0)
    scene.fail(0, 1)
    assert.equal(scene.outMs(0), 30_000)
    assert.equal(scene.states.ejectedAfterFailures(0), 5)
    assert.equal(scene.states.upSinceMs(0), START_MS + 30_000)
  })

  test('is ejected once by a storm of failures, which make its time no longer', () => {
    const scene = new Scene(2)
    scene.fail(0, 5000)
    assert.deepEqual([scene.states.ejections(0), scene.outMs(0)], [1, 30_000])
    assert.equal(scene.states.failuresInRow(0), 0)
  })

  test('stays out longer each time in a row, up to the longest', () => {
    const scene = new Scene(2)
    const times = Array.from({ length: 12 }, () => scene.ejectOnce() / 1000)
    assert.deepEqual(times, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300])
  })

  test('is forgiven one ejection for each ejectFor that it has been back', () => {
    const scene = new Scene(2)
    for (let i = 0; i < 4; i++) scene.ejectOnce()
    scene.nowMs += 60_000
    assert.equal(scene.ejectOnce(), 90_000)
    scene.nowMs += 10 * 30_000
    assert.equal(scene.ejectOnce(), 30_000)
  })

  for (const [upstreams, percent, out] of [
    [1, 50, 0],
    [2, 50, 1],
    [3, 50, 1],
    [4, 50, 2],
    [10, 33, 3],
    [1, 100, 1],
    [3, 100, 3],
  ] as const) {
    test(`of ${upstreams} upstreams, ${out} are out at once with maxEjected ${percent}%`, () => {
      const scene = new Scene(upstreams, { ejectedPercentMax: percent })
      for (let upstream = 0; upstream < upstreams; upstream++) scene.fail(upstream, 50)
      const ejected = scene.service.upstreams.filter(({ index }) => scene.outMs(index) > 0)
      assert.equal(ejected.length, out)
    })
  }

  test('that could not leave, because others were out, leaves with its next failure once they are back', () => {
    const scene = new Scene(2)
    scene.fail(0, 5)
    scene.fail(1, 7)
    assert.equal(scene.outMs(1), 0)
    scene.nowMs += 30_000
    scene.fail(1, 1)
    assert.deepEqual([scene.outMs(1), scene.states.ejectedAfterFailures(1)], [30_000, 8])
  })

  test('is left alone with failures off', () => {
    const scene = new Scene(2, { failures: 0 })
    scene.fail(0, 100)
    assert.deepEqual([scene.outMs(0), scene.states.failuresInRow(0)], [0, 0])
  })
})
