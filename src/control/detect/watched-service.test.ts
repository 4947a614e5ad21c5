import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serviceForTest } from '../../traffic/service-for-test.ts'
import type { AttackConfig } from '../config/config.ts'
import { parseConfig } from '../config/load.ts'
import { SharedMemory } from '../workers/shared-memory.ts'
import { WatchedService } from './watched-service.ts'

function attackConfig(attack: object): AttackConfig {
  const service = { name: 'web', listen: ['*:443'], upstreams: ['203.0.113.1:443'], protect: { attack } }
  return parseConfig(JSON.stringify({ services: [service] }), 'tidegate.yaml', {}).services[0].protect.attack
}

test('a service that is watched again after a reload learns first, however long it was not watched', () => {
  const memory = new SharedMemory(1, { services: 1, upstreams: 1 }, 1)
  const service = serviceForTest([])
  const watched = new WatchedService(service, attackConfig({ mode: 'off', learnFor: '0s' }), memory, undefined)
  watched.use(service, attackConfig({ mode: 'auto', learnFor: '5m' }))
  assert.equal(watched.isLearning, true)
  const calm = { 'connection-flood': [3], distributed: [2], unused: [0] }
  const known = new WatchedService(service, attackConfig({ mode: 'off' }), memory, calm)
  known.use(service, attackConfig({ mode: 'auto' }))
  assert.equal(known.isLearning, false, 'what was calm before is calm still')
})
