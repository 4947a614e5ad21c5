import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES } from '../close-reason.ts'
import { addressAt, Connection, ConnectionPool, FLAG, NO_REASON, STAGE } from './connection.ts'
import type { ServicePlan } from './service-plan.ts'

const plan = { countersAt: 0 } as unknown as ServicePlan
const otherPlan = { countersAt: 1 } as unknown as ServicePlan

describe('connection pool', () => {
  test('a slot that is freed is not used again before the turn is over', () => {
    const pool = new ConnectionPool(3)
    const one = pool.take(plan) as Connection
    pool.free(one)
    assert.equal(one.stage, STAGE.free)
    const two = pool.take(plan) as Connection
    assert.notEqual(two, one)
    pool.recycle()
    assert.equal(pool.take(otherPlan), one)
    assert.equal(one.plan, otherPlan)
  })

  test('slots that are freed in one turn can run out, and are all there in the next', () => {
    const pool = new ConnectionPool(100)
    for (let turn = 0; turn < 5; turn++) {
      const taken = Array.from({ length: 100 }, () => pool.take(plan) as Connection)
      assert.equal(new Set(taken.map(({ slot }) => slot)).size, 100)
      assert.equal(pool.take(plan), undefined)
      for (const connection of taken) pool.free(connection)
      assert.equal(pool.take(plan), undefined)
      pool.recycle()
    }
    assert.equal(pool.all.length, 100)
  })

  test('an epoll key names one half, and both halves of a connection know each other', () => {
    const pool = new ConnectionPool(50)
    for (let slot = 0; slot < 50; slot++) {
      const connection = pool.take(plan) as Connection
      for (const half of [connection.client, connection.upstream]) {
        assert.equal(pool.half(half.key), half)
        assert.equal(half.connection, connection)
        assert.equal(half.peer.peer, half)
        assert.equal(half.isClient, half === connection.client)
      }
    }
  })

  test('slots have columns of their own', () => {
    const pool = new ConnectionPool(4)
    const places = Array.from({ length: 4 }, () => addressAt(pool.take(plan) as Connection))
    assert.deepEqual(places, [0, 16, 32, 48])
    assert.equal(pool.clientAddresses.length, 64)
  })
})

describe('the reason of a connection', () => {
  const code = CLOSE_REASON_CODES

  test('the first failure stays, and outranks an orderly end', () => {
    const connection = new Connection(0, plan)
    assert.equal(connection.reasonCode, NO_REASON)
    connection.blameIfNone(code['upstream-closed'])
    connection.blameIfNone(code['client-closed'])
    assert.equal(CLOSE_REASON_NAMES[connection.reasonCode], 'upstream-closed')
    connection.blame(code['client-reset'])
    connection.blame(code['upstream-reset'])
    connection.blameIfNone(code['client-closed'])
    assert.equal(CLOSE_REASON_NAMES[connection.reasonCode], 'client-reset')
  })
})

test('every flag is a bit of its own, and all fit in a small integer', () => {
  const bits = Object.values(FLAG)
  assert.equal(new Set(bits).size, bits.length)
  for (const bit of bits) assert.equal(bit & (bit - 1), 0)
  assert.ok(Math.max(...bits) < 2 ** 30)
})
