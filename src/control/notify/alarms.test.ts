import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeForTest } from '../../../test/harness/node-for-test.ts'
import { monotonicMs } from '../../lib/clock.ts'
import type { WatchedService } from '../detect/watched-service.ts'
import type { ExposureFinding } from '../golive/exposure/exposure-findings.ts'
import type { Store } from '../store/store.ts'
import { alarmsOf, type Watched } from './alarms.ts'
import type { NotifyRule, RuleWord } from './notify-config.ts'

const DAY_MS = 86_400_000

function rule(when: RuleWord, more: Partial<NotifyRule> = {}): NotifyRule {
  const rest = { above: 0, per: 'node', services: undefined, channels: undefined } as const
  return { name: when, when, gapMs: 1_000, beforeMs: 14 * DAY_MS, ...rest, ...more }
}

function summaries(asked: NotifyRule, node: Watched, nowMs = 0): string[] {
  return [...alarmsOf(asked, node, new Map(), nowMs).values()].map(({ summary }) => summary)
}

function nodeThat(more: Partial<Watched> = {}): Watched {
  return { ...nodeForTest(), certificates: () => [], exposures: () => [], ...more }
}

test('an attack is told with its number and kind, of the services that are asked for', () => {
  const { services } = nodeForTest().tables()
  const watched = services.map((service) => ({
    service,
    attack: { start: { id: 7, kind: 'distributed' } },
    sample: { newPerSecond: 1234.5, sources: 99 },
  })) as unknown as WatchedService[]
  const node = nodeThat({ attacks: { ...nodeForTest().attacks, watched: () => watched } })
  assert.equal(summaries(rule('attack'), node).length, 2)
  assert.deepEqual(summaries(rule('attack', { services: ['web'] }), node), [
    'Service web is under attack 7 (distributed): 1235 new connections a second from 99 addresses.',
  ])
})

test('an upstream is down by its check, or while it is ejected; who was taken out by a person is not', () => {
  const node = nodeThat()
  const { states } = node.memory
  states.setFound(0, 'down')
  states.setWanted(2, 'down')
  for (let i = 0; i < 5; i++) states.countFailure(1)
  states.eject(1, monotonicMs(), monotonicMs() + 60_000)
  assert.deepEqual(summaries(rule('upstream'), node), [
    'Upstream main of service web is down: its check failed.',
    'Upstream spare of service web is down: 5 connects failed in a row.',
  ])
  states.setFound(0, 'up')
  states.endEjection(1)
  assert.deepEqual(summaries(rule('upstream'), node), [])
})

test('a store that fails is told of, and a node without one is not', () => {
  const trouble = { code: 'E_STORE_FULL', message: 'The disk is full.', sinceMs: 0 } as const
  const store = { path: '/x/tidegate.db', state: { kind: 'open', trouble } } as unknown as Store
  assert.deepEqual(summaries(rule('store'), nodeThat({ store })), [
    'The store does not work (E_STORE_FULL): The disk is full.',
  ])
  assert.deepEqual(summaries(rule('store'), nodeThat()), [])
})

test('the end of a certificate is told before, and after', () => {
  const of = (notAfterMs: number) => nodeThat({ certificates: () => [{ name: 'admin', notAfterMs }] })
  assert.deepEqual(summaries(rule('certificate'), of(15 * DAY_MS)), [])
  assert.deepEqual(summaries(rule('certificate'), of(13.5 * DAY_MS)), [
    'The certificate admin ends at 1970-01-14T12:00:00.000Z, in 13 days.',
  ])
  assert.deepEqual(summaries(rule('certificate'), of(5_400_000)), [
    'The certificate admin ends at 1970-01-01T01:30:00.000Z, in 90m.',
  ])
  assert.deepEqual(summaries(rule('certificate'), of(DAY_MS), 2 * DAY_MS), [
    'The certificate admin ended at 1970-01-02T00:00:00.000Z.',
  ])
})

const FINDING: ExposureFinding = {
  service: 'web',
  vantage: 'token cloud at 198.51.100.7',
  host: 'one.example',
  at: '2026-11-21T00:00:00.000Z',
  upstreams: ['main'],
  ports: [],
  isSilent: false,
}

test('an upstream that answers strangers is one alarm, whoever says so; of those that are gone there is none', () => {
  const open = { ...FINDING, ports: [22, 443] }
  const node = nodeThat({
    exposures: () => [
      FINDING,
      open,
      { ...open, vantage: 'token office at 198.51.100.8' },
      { ...open, service: 'mail', upstreams: ['gone'] },
      { ...open, service: 'gone' },
    ],
  })
  assert.deepEqual(summaries(rule('exposure-open'), node), [
    'Upstream main of service web answers strangers on 22, 443, says token cloud at 198.51.100.7: close its ports to all but our nodes.',
  ])
  assert.deepEqual(summaries(rule('exposure-open', { services: ['mail'] }), node), [])
  assert.deepEqual(summaries(rule('vantage-silent'), node), [])
})

test('a vantage that is silent is an alarm for each host that it looked at', () => {
  const silent = { ...FINDING, isSilent: true, upstreams: ['main', 'spare'] }
  const node = nodeThat({ exposures: () => [silent, { ...silent, host: 'two.example' }] })
  assert.deepEqual(summaries(rule('vantage-silent'), node), [
    'token cloud at 198.51.100.7 looked at one.example, an upstream of web, regularly, and has not reported since 2026-11-21T00:00:00.000Z.',
    'token cloud at 198.51.100.7 looked at two.example, an upstream of web, regularly, and has not reported since 2026-11-21T00:00:00.000Z.',
  ])
  assert.deepEqual(summaries(rule('exposure-open'), node), [])
})

test('a mean is over when it is below nine tenths', () => {
  let mean = 100
  const series = { ...nodeForTest().series, mean: () => mean } as unknown as Watched['series']
  const node = nodeThat({ series })
  const asked = rule('bans', { above: 100 })
  let alarms = alarmsOf(asked, node, new Map(), 0)
  const isSo = (next: number): boolean => {
    mean = next
    alarms = alarmsOf(asked, node, alarms, 0)
    return alarms.size > 0
  }
  assert.deepEqual([100, 101, 95, 91, 90, 99].map(isSo), [false, true, true, true, false, false])
})
