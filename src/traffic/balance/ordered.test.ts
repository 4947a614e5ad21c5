import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { NodeWide } from '../node-wide.ts'
import { CANDIDATES_MAX } from '../tables.ts'
import type { Service } from '../tables.ts'
import { chooseOrdered } from './ordered.ts'

const NOW_MS = 5000

/** Candidates whose failure is remembered until then; addressIndex runs against the order, so that it can't be mistaken for it. */
function serviceWith(failedUntilMs: readonly number[]): { service: Service; nodeWide: NodeWide } {
  const nodeWide = new NodeWide(new SharedArrayBuffer(NodeWide.bytes(failedUntilMs.length)))
  const candidates = failedUntilMs.map((untilMs, i) => {
    const addressIndex = failedUntilMs.length - 1 - i
    if (untilMs > 0) nodeWide.rememberFailure(addressIndex, untilMs)
    return { upstreamIndex: i, addressIndex, address: { family: 4 as const, address: `192.0.2.${i}`, port: 80 } }
  })
  return { service: { candidates } as unknown as Service, nodeWide }
}

/** The order in which one client would try all candidates. */
function order(failedUntilMs: readonly number[]): number[] {
  const { service, nodeWide } = serviceWith(failedUntilMs)
  const chosen: number[] = []
  let tried = 0
  for (let i = 0; i <= failedUntilMs.length; i++) {
    const choice = chooseOrdered(service, tried, nodeWide, NOW_MS)
    if (choice === -1) return chosen
    chosen.push(choice)
    tried |= 1 << choice
  }
  throw new Error('A candidate was chosen twice')
}

describe('balance ordered', () => {
  test('tries the candidates in their order, and each once', () => {
    assert.deepEqual(order([0, 0, 0]), [0, 1, 2])
  })

  test('a service without candidates has none to choose', () => {
    assert.deepEqual(order([]), [])
  })

  test('tries what failed a moment ago last', () => {
    assert.deepEqual(order([NOW_MS + 1, 0, 0]), [1, 2, 0])
    assert.deepEqual(order([0, NOW_MS + 1, 0]), [0, 2, 1])
  })

  test('a failure is over at its time', () => {
    assert.deepEqual(order([NOW_MS, NOW_MS - 1]), [0, 1])
    assert.deepEqual(order([NOW_MS + 0.001, 0]), [1, 0])
  })

  test('where all failed lately, the order is the configured one again', () => {
    assert.deepEqual(order([NOW_MS + 900, NOW_MS + 1, NOW_MS + 500]), [0, 1, 2])
  })

  test('tells the greatest number of candidates apart', () => {
    const last = CANDIDATES_MAX - 1
    const failed = Array.from({ length: CANDIDATES_MAX }, (_, i) => (i === last ? 0 : NOW_MS + 1))
    assert.deepEqual(order(failed), [last, ...Array.from({ length: last }, (_, i) => i)])
  })

  test('always the healthy in order, then the failed in order', () => {
    const untilMs = fc.constantFrom(0, NOW_MS - 1, NOW_MS, NOW_MS + 1, NOW_MS + 10_000)
    fc.assert(
      fc.property(fc.array(untilMs, { maxLength: CANDIDATES_MAX }), (failed) => {
        const places = failed.map((_, i) => i)
        const healthy = places.filter((i) => failed[i] <= NOW_MS)
        assert.deepEqual(order(failed), [...healthy, ...places.filter((i) => failed[i] > NOW_MS)])
      }),
    )
  })
})
