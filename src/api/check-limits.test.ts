import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeForTest } from '../../test/harness/node-for-test.ts'
import { monotonicMs } from '../lib/clock.ts'
import { parseIp } from '../lib/ip.ts'
import { writeAsn } from '../traffic/admit/admission.ts'
import { KnownClients } from '../traffic/admit/known-clients.ts'
import { rateLimit } from '../traffic/admit/rate-limit.ts'
import { ALERT, SourceTable } from '../traffic/admit/source-table.ts'
import { SOURCE } from '../traffic/admit/source-key.ts'
import { WORKER_STRIDE } from '../traffic/counters.ts'
import { PLAIN_PROTECT } from '../traffic/service-for-test.ts'
import type { ServiceProtect, SourceRule } from '../traffic/tables.ts'
import { limitFindings } from './check-limits.ts'

const ADDRESS = parseIp('192.0.2.7')!
const ASN = 64_500

const most = (connectionsMax: number, rule: SourceRule['rule'] = 'on'): SourceRule => ({
  rule,
  connectionsMax,
  rate: null,
})

/** A node whose only service has these limits, with connections of ADDRESS open. */
function nodeWith(protect: Partial<ServiceProtect>, opens: number) {
  const node = nodeForTest()
  const [web] = node.tables().services
  const service = { ...web, protect: { ...PLAIN_PROTECT, ...protect } }
  const sources = new SourceTable(node.memory.sourceMemory, new Float64Array(WORKER_STRIDE))
  const asn = new Uint8Array(4)
  writeAsn(asn, ASN)
  for (let i = 0; i < opens; i++) {
    for (const kind of [SOURCE.address, SOURCE.prefix]) {
      sources.take(0, kind, ADDRESS, 0, 4, { connectionsMax: 0, rate: null }, true, monotonicMs())
    }
    sources.take(0, SOURCE.asn, asn, 0, 4, { connectionsMax: 0, rate: null }, true, monotonicMs())
  }
  const databases = { of: () => undefined, lookUp: () => ASN } as never
  const tables = () => ({ ...node.tables(), services: [service] })
  const whole = { ...node, tables, databases: () => databases }
  return {
    sources,
    become: (alert: (typeof ALERT)[keyof typeof ALERT]) => sources.setAlert(0, alert),
    know: () => new KnownClients(node.memory.knownClientsMemory).add(ADDRESS, 0, 4, monotonicMs()),
    found: () => limitFindings(whole, ADDRESS).map(({ code, text }) => `${code}: ${text}`),
  }
}

test('what its AS has open is counted where there is a limit, and the next connection meets it', () => {
  assert.deepEqual(nodeWith({ perAsn: most(3) }, 2).found(), [
    'counted: Service web: its AS (AS64500) has 2 of 3 connections open.',
  ])
  assert.deepEqual(nodeWith({ perAsn: most(3, 'watch') }, 3).found(), [
    'over-limit: Service web: its AS (AS64500) has 3 of 3 connections open; the next would be refused, were the rule on (refused-asn-connections).',
  ])
  assert.deepEqual(nodeWith({}, 3).found(), [], 'off')
})

test('under attack a stranger meets the budgets, and a known client the ordinary limits', () => {
  const newConnections = { rule: 'watch', rate: rateLimit(90, 60_000, 5) } as const
  const attack = { perAddress: { ...most(2), rate: rateLimit(25, 1000, 50) }, perPrefix: most(0), newConnections }
  const node = nodeWith({ perAddress: most(8), perPrefix: most(9), attack }, 3)
  const calm = [
    'counted: Service web: the address has 3 of 8 connections open.',
    'counted: Service web: its prefix 192.0.2.0/24 has 3 of 9 connections open.',
  ]
  assert.deepEqual(node.found(), calm)
  node.become(ALERT.attack)
  assert.deepEqual(node.found(), [
    'attack-budget: Service web is under attack; the address is a stranger there: 2 connections and 25 new ones/s (burst 50) for one address, 1.5 new ones/s (burst 5) for all strangers together (on watch).',
    'over-limit: Service web: the address has 3 of 2 connections open; the next is refused (refused-attack).',
    'counted: Service web: its prefix 192.0.2.0/24 has 3 connections open.',
  ])
  node.become(ALERT.forced)
  node.know()
  assert.deepEqual(node.found(), [
    'attack-budget: Service web holds strangers to its budgets for attacks; the address is known, and the ordinary limits hold for it.',
    ...calm,
  ])
})

test('a budget on watch is told beside the limit that refuses, and only when it is beyond', () => {
  const attack = { ...PLAIN_PROTECT.attack, perAddress: most(2, 'watch') }
  const over =
    'over-limit: Service web: the address has 3 of 2 connections open; the next would be refused, were the rule on (refused-attack).'
  const beside = nodeWith({ perAddress: most(8), attack }, 3)
  beside.become(ALERT.attack)
  assert.deepEqual(beside.found().slice(1), ['counted: Service web: the address has 3 of 8 connections open.', over])
  const alone = nodeWith({ attack }, 3)
  alone.become(ALERT.attack)
  assert.deepEqual(alone.found().slice(1), [over])
  const kept = nodeWith({ perAddress: most(8), attack }, 1)
  kept.become(ALERT.attack)
  assert.deepEqual(kept.found().slice(1), ['counted: Service web: the address has 1 of 8 connections open.'])
})

test('without budgets of its own a service under attack says so', () => {
  const node = nodeWith({}, 0)
  node.become(ALERT.attack)
  assert.match(node.found()[0], /a stranger there: without a budget of its own\.$/)
})
