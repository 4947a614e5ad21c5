import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceStatus, UpstreamStatus } from '../../src/api/contract.ts'
import { countsByReason, type Look, ratesBetween, recentConnectMs } from './rates.ts'

function look(atMs: number, ...services: Partial<ServiceStatus>[]): Look {
  const zero = { connectionsTotal: 0, bytesToUpstream: 0, bytesToClient: 0, refused: {} }
  const status = { services: services.map((service) => Object.assign({}, zero, service)) }
  return { atMs, status: status as unknown as Look['status'] }
}

test('rates are what has grown, by second, of one service or of all', () => {
  const then = look(0, { name: 'web', connectionsTotal: 10, refused: { a: 1 } }, { name: 'mail', connectionsTotal: 5 })
  const now = look(
    2_000,
    { name: 'web', connectionsTotal: 30, refused: { a: 3, b: 4 } },
    { name: 'mail', connectionsTotal: 7 },
  )
  assert.deepEqual(ratesBetween(then, now, 'web'), {
    newPerSecond: 10,
    refusedPerSecond: 3,
    toUpstreamPerSecond: 0,
    toClientPerSecond: 0,
  })
  assert.equal(ratesBetween(then, now).newPerSecond, 11)
})

test('without a look before, or when a service has gone, nothing has grown', () => {
  const now = look(1_000, { name: 'web', connectionsTotal: 5 })
  const more = look(0, { name: 'web', connectionsTotal: 5 }, { name: 'gone', connectionsTotal: 100 })
  for (const then of [undefined, more, now]) assert.equal(ratesBetween(then, now).newPerSecond, 0)
  assert.equal(ratesBetween(now, undefined).newPerSecond, 0)
})

test('counts by reason come with the most frequent first', () => {
  const then = look(0, { name: 'web', refused: { a: 1 } })
  const now = look(1_000, { name: 'web', refused: { a: 2, b: 9 } }, { name: 'mail', refused: { a: 1, c: 3 } })
  const refused = (status: ServiceStatus) => status.refused
  assert.deepEqual(countsByReason(then, now, refused), [
    { reason: 'b', count: 9, perSecond: 9 },
    { reason: 'a', count: 3, perSecond: 2 },
    { reason: 'c', count: 3, perSecond: 3 },
  ])
  assert.deepEqual(
    countsByReason(undefined, now, refused, 'mail').map(({ perSecond }) => perSecond),
    [0, 0],
  )
})

test('the recent connect time is that of the connects since the look before', () => {
  const upstream = (connects: number, connectMsMean: number | null) => ({ connects, connectMsMean }) as UpstreamStatus
  assert.equal(recentConnectMs(upstream(10, 2), upstream(12, 3)), 8)
  assert.equal(recentConnectMs(upstream(0, null), upstream(2, 3)), 3)
  for (const then of [undefined, upstream(2, 3)]) assert.equal(recentConnectMs(then, upstream(2, 3)), undefined)
})
