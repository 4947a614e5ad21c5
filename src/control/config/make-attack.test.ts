import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { attackSchema } from './attack-schema.ts'
import type { RateConfig, SourceLimitsConfig } from './config.ts'
import { makeAttackConfig } from './make-attack.ts'

const perSecond = (count: number) => ({ count, perMs: 1000 })
const ADDRESS: SourceLimitsConfig = { rule: 'on', connections: 1000, rate: perSecond(100), burst: 1000 }
const PREFIX: SourceLimitsConfig = { rule: 'watch', connections: 8000, rate: perSecond(800), burst: 8000 }
const NO_RATE: RateConfig = { rule: 'off', rate: null, burst: 5 }
const ORDINARY = { perAddress: ADDRESS, perPrefix: PREFIX, newConnections: NO_RATE }

const make = (written: unknown, ordinary = ORDINARY) => makeAttackConfig(attackSchema.parse(written), ordinary)

describe('budgets in an attack', () => {
  test('are a quarter of the ordinary limits, with a burst of two seconds', () => {
    const { perAddress, perPrefix, newConnections } = make({})
    const quarter = { count: 100, perMs: 4000 }
    assert.deepEqual(perAddress, { rule: 'on', connections: 250, rate: quarter, burst: 50 })
    assert.deepEqual(perPrefix, { rule: 'on', connections: 2000, rate: { count: 800, perMs: 4000 }, burst: 400 })
    assert.equal(newConnections.rule, 'off')
  })

  test('are off where the ordinary rule is, unless they are written', () => {
    const off = { ...ADDRESS, rule: 'off' } as const
    assert.equal(make({}, { ...ORDINARY, perAddress: off }).perAddress.rule, 'off')
    assert.equal(make({ perAddress: { rule: 'on' } }, { ...ORDINARY, perAddress: off }).perAddress.rule, 'on')
    const written = { rule: 'on', connections: '5000', rate: '500/s', burst: '9000' }
    const { perAddress } = make({ perAddress: written }, { ...ORDINARY, perAddress: off })
    assert.deepEqual(perAddress, { rule: 'on', connections: 5000, rate: perSecond(500), burst: 9000 })
  })

  test('are never looser than the ordinary limits', () => {
    const { perAddress } = make({ perAddress: { connections: '5000', rate: '500/s' } })
    assert.deepEqual([perAddress.connections, perAddress.rate], [1000, perSecond(100)])
    const short = { ...ORDINARY, perAddress: { ...ADDRESS, burst: 7 } }
    assert.equal(make({ perAddress: { burst: '90' } }, short).perAddress.burst, 7)
    const slow = { ...ORDINARY, newConnections: { rule: 'on', rate: perSecond(400), burst: 100 } } as const
    assert.equal(make({}, slow).newConnections.burst, 100)
    assert.equal(make({ newConnections: { burst: '300' } }, slow).newConnections.burst, 100)
    const without = make({ perAddress: { connections: 'off', rate: 'off' } }).perAddress
    assert.deepEqual([without.connections, without.rate], [1000, perSecond(100)])
  })

  test('have no limit where there is none at all', () => {
    const none: SourceLimitsConfig = { ...ADDRESS, connections: 0, rate: null }
    const { perAddress } = make({}, { ...ORDINARY, perAddress: none })
    assert.deepEqual([perAddress.connections, perAddress.rate, perAddress.burst], [0, null, 5])
    assert.equal(
      make({ perAddress: { connections: '7' } }, { ...ORDINARY, perAddress: none }).perAddress.connections,
      7,
    )
  })

  test('for all together: a quarter of the service rate, or what is written, which is then on', () => {
    const rate: RateConfig = { rule: 'on', rate: perSecond(400), burst: 4000 }
    const quarter = make({}, { ...ORDINARY, newConnections: rate }).newConnections
    assert.deepEqual(quarter, { rule: 'on', rate: { count: 400, perMs: 4000 }, burst: 200 })
    const written = make({ newConnections: { rate: '50/s' } }).newConnections
    assert.deepEqual(written, { rule: 'on', rate: perSecond(50), burst: 100 })
  })
})

test('floors come out as what a second is compared with', () => {
  const { floors } = make({ floors: { newConnections: '120/m', unused: '30' } })
  assert.deepEqual(floors, { newPerSecond: 2, sources: 500, unusedShare: 0.3 })
})
