import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AttackView } from '../api/contract.ts'
import { attacksText, attackText } from './attacks-text.ts'
import { topText } from './top-text.ts'

const plain = (_: string, text: string): string => text

const ATTACK: AttackView = {
  id: 3,
  service: 'web',
  kind: 'connection-flood',
  kinds: ['connection-flood', 'distributed'],
  start: '2026-11-21T15:00:00.000Z',
  end: '2026-11-21T15:10:00.000Z',
  ended: 'calm',
  updated: '2026-11-21T15:10:00.000Z',
  calm: { 'connection-flood': 50, distributed: 100, unused: 0.01 },
  limits: { 'connection-flood': 200, distributed: 500, unused: 0.5 },
  peak: { newPerSecond: 5200, sources: 4100, prefixes: 30, unusedShare: 0.97, connectFailuresPerSecond: 0, open: 900 },
  newcomers: 2_000_000,
  admitted: 30_000,
  refused: { 'refused-ban': 5, 'refused-attack': 1_969_995 },
  unused: 100,
  served: 29_000,
  bytes: 3 * 1024 * 1024,
  bansMade: 7,
  addresses: [{ source: '192.0.2.1', newConnections: 12_000, refused: 11_000 }],
  prefixes: [],
  asns: [{ source: 'AS64496', newConnections: 4000, refused: 3900 }],
}

test('the list says what is calm, what is now, and what there was', () => {
  const service = { service: 'web', mode: 'auto' as const, learning: false, calm: ATTACK.calm, limits: ATTACK.limits }
  const now = { 'connection-flood': 48.2, distributed: 90, unused: 0.02 }
  const text = attacksText({ services: [{ ...service, attack: null, now }], attacks: [ATTACK] }, plain)
  assert.match(text, /web +auto +calm +48 of 200 +90 of 500 +2 % of 50 %/)
  assert.match(
    text,
    /3 +web +connection-flood, distributed +2026-11-21 15:00:00Z +10 min +5,200 +2,000,000 +1,970,000 +29,000/,
  )
  assert.match(attacksText({ services: [], attacks: [] }, plain), /No attack was called so far\./)
})

test('one attack: peak, what was done, who was served, from where', () => {
  const text = attackText(ATTACK, plain)
  assert.match(text, /5,200\/s at most; calm 50, called above 200/)
  assert.match(text, /1,969,995 refused-attack, 5 refused-ban/)
  assert.match(text, /2,000,000 came, 30,000 were let in, 29,000 served \(3\.0 MiB\)/)
  assert.match(text, /192\.0\.2\.1 +12,000 +11,000/)
  assert.match(attackText({ ...ATTACK, end: null, ended: null, refused: {} }, plain), /under way[\s\S]*nobody/)
})

test('top shows who comes most, and nothing that could move the cursor', () => {
  const source = { service: 'web\u001b[2J', source: '192.0.2.0/24', open: 12, newPerSecond: 3.14, refusedPerSecond: 0 }
  const text = topText({ by: 'prefix', seconds: 5, sources: [source] }, plain)
  assert.match(text, /192\.0\.2\.0\/24 +web\?\[2J +12 +3\.1 +0\.0/)
  assert.match(topText({ by: 'address', seconds: 5, sources: [] }, plain), /nobody has come/)
})
