import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EARLY_MS_MAX } from '../../traffic/admit/rate-limit.ts'
import { parseConfig } from './load.ts'
import { makeSourceRules } from './make-source-limits.ts'

function protectOf(text: string) {
  const file = `services: [ { name: web, listen: ['*:8443'], upstreams: ['192.0.2.10:443'], protect: { ${text} } } ]`
  return parseConfig(file, 'tidegate.yaml', {}).services[0].protect
}

test('a burst that is not given is that of ten seconds, and never below 5', () => {
  const burstOf = (rate: string): number => protectOf(`perAddress: { rate: ${rate} }`).perAddress.burst
  assert.deepEqual(['30/s', '600/m', '10/m', '1/h', 'off'].map(burstOf), [300, 100, 5, 5, 5])
  assert.equal(protectOf('perAddress: { rate: 30/s, burst: 2 }').perAddress.burst, 2)
  assert.equal(protectOf('newConnections: { rule: on, rate: 7/s }').newConnections.burst, 70)
})

test('admission gets intervals, and what is off as nothing', () => {
  const config = protectOf(
    'refuse: tarpit, tarpitFor: 3s, perAddress: { rate: 600/m, burst: 4 }, perPrefix: { rule: on, connections: off, rate: off }',
  )
  assert.deepEqual(makeSourceRules(config), {
    tarpitForMs: 3000,
    perAddress: { rule: 'on', connectionsMax: 1000, rate: { intervalMs: 100, aheadMsMax: 300 + EARLY_MS_MAX } },
    perPrefix: { rule: 'on', connectionsMax: 0, rate: null },
    perAsn: { rule: 'off', connectionsMax: 0, rate: null },
    newConnections: { rule: 'off', rate: null },
    attack: {
      perAddress: { rule: 'on', connectionsMax: 250, rate: { intervalMs: 400, aheadMsMax: 1200 + EARLY_MS_MAX } },
      perPrefix: { rule: 'on', connectionsMax: 0, rate: null },
      newConnections: { rule: 'off', rate: null },
    },
  })
})
