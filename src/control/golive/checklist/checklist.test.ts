import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../../config/load.ts'
import { checklist } from './checklist.ts'
import { CHECKLIST_IDS, type ChecklistId, type GoliveFacts, worstState } from './item.ts'
import type { DnsProbe } from '../dns/probe-dns.ts'
import type { ExposedPort, ExposureReport } from '../exposure/report.ts'
import type { UpstreamProbe } from '../probe/probe-upstream.ts'
import { serviceAddresses } from '../service-addresses.ts'

const UPSTREAM = '203.0.113.10'
const NOW = Date.parse('2026-03-01T12:00:00Z')

function serviceOf(mode: string, upstreams = [`${UPSTREAM}:443`], listen = '192.0.2.1:443') {
  const text = JSON.stringify({ services: [{ name: 'web', listen: [listen], mode, upstreams }] })
  return parseConfig(text, 'tidegate.yaml', {}).services[0]
}

const READY: UpstreamProbe = {
  target: `${UPSTREAM}:443`,
  address: UPSTREAM,
  mode: 'proxy-v2',
  takes: { none: 'no', v1: 'no', v2: 'yes' },
  speaksFirst: false,
  speaksTls: true,
  connectMs: 3,
  sentence: 'It wants a PROXY header, v2: mode proxy-v2.',
  remedy: undefined,
  attempts: [],
}

const DNS: DnsProbe = {
  domain: 'shop.example',
  expected: ['192.0.2.1'],
  chain: ['shop.example'],
  sights: [],
  pointsTo: 'service',
  strangers: [],
  upstreamsShown: [],
  ttlS: 300,
  oldGoneInS: undefined,
  isRunningOut: false,
  leaks: [],
  namedUpstreams: [],
  looked: ['shop.example'],
  problems: [],
}

function seen(verdict: ExposedPort['verdict'], more: Partial<ExposureReport> = {}): ExposureReport {
  const ports = [80, 443].map((port) => ({ address: UPSTREAM, port, verdict, ms: 9 }))
  return {
    version: 1,
    host: UPSTREAM,
    at: new Date(NOW - 3_600_000).toISOString(),
    tookMs: 9,
    from: ['198.51.100.1'],
    ports,
    ...more,
  }
}

const ALL: GoliveFacts = {
  nowMs: NOW,
  addresses: ['192.0.2.1'],
  probeByUpstream: new Map([[`${UPSTREAM}:443`, READY]]),
  dns: DNS,
  oldAddresses: ['198.51.100.77'],
  exposures: [seen('filtered')],
  nodes: ['192.0.2.1'],
}

function item(id: ChecklistId, change: Partial<GoliveFacts>, service = serviceOf('proxy-v2')) {
  return checklist(service, { ...ALL, ...change }).find((item) => item.id === id)!
}

describe('the checklist', () => {
  test('all is well', () => {
    const items = checklist(serviceOf('proxy-v2'), ALL)
    assert.deepEqual(
      items.map(({ id }) => id),
      [...CHECKLIST_IDS],
    )
    assert.deepEqual(
      items.map(({ state }) => state),
      CHECKLIST_IDS.map(() => 'ok'),
      JSON.stringify(items, null, 1),
    )
    assert.match(items.at(-1)!.saw, /Everything is ready/)
  })

  test('nothing is known', () => {
    const items = checklist(serviceOf('proxy-v2'), { nowMs: NOW, addresses: [], probeByUpstream: new Map() })
    assert.deepEqual(new Set(items.map(({ state }) => state)), new Set(['unknown']))
    assert.ok(items.every(({ next }) => next !== undefined))
  })

  const unreachable = {
    ...READY,
    connectMs: undefined,
    mode: undefined,
    sentence: 'Nothing listens there.',
    remedy: 'Start it.',
  }
  const raw = { ...READY, mode: 'raw', takes: { none: 'yes', v1: 'no', v2: 'no' } } as const
  const stranger = { pointsTo: 'elsewhere', strangers: ['198.51.100.5'], oldGoneInS: 60 } as const
  const leak = { name: 'mail.shop.example', type: 'A', found: UPSTREAM, upstream: UPSTREAM } as const

  for (const [shows, id, change, state, words] of [
    ['an upstream that is down', 'upstream-ready', probes(unreachable), 'fail', /Nothing listens.*Start it/],
    ['the wrong mode', 'upstream-ready', probes(raw), 'fail', /mode proxy-v2.*Switch on the PROXY protocol/],
    [
      'an upstream that says nothing',
      'upstream-ready',
      probes({ ...READY, mode: undefined, takes: { none: 'unknown', v1: 'unknown', v2: 'unknown' } }),
      'unknown',
      /./,
    ],
    [
      'DNS elsewhere',
      'dns',
      { dns: { ...DNS, ...stranger } },
      'fail',
      /leads to 198\.51\.100\.5.*Set its A and AAAA records to 192\.0\.2\.1/,
    ],
    [
      'DNS at the upstream',
      'dns',
      { dns: { ...DNS, ...stranger, upstreamsShown: ['198.51.100.5'] } },
      'fail',
      /It is an upstream/,
    ],
    [
      'old answers that run out',
      'dns',
      { dns: { ...DNS, ...stranger, pointsTo: 'partly', isRunningOut: true } },
      'warn',
      /for 60 s at most/,
    ],
    ['no name', 'dns', { dns: { ...DNS, pointsTo: 'nowhere' } }, 'fail', /has no address/],
    ['no answer', 'dns', { dns: { ...DNS, pointsTo: 'unknown' } }, 'unknown', /--server/],
    ['no public address', 'dns', { addresses: [] }, 'unknown', /--address/],
    [
      'a leak',
      'dns-leaks',
      { dns: { ...DNS, leaks: [{ ...leak, closeness: 'address' }] } },
      'fail',
      /A of mail\.shop\.example shows 203\.0\.113\.10/,
    ],
    [
      'a leak of the network',
      'dns-leaks',
      { dns: { ...DNS, leaks: [{ ...leak, closeness: 'network' }] } },
      'warn',
      /near 203/,
    ],
    [
      'half a search',
      'dns-leaks',
      { dns: { ...DNS, problems: ['MX: no answer in time'] } },
      'unknown',
      /no answer in time/,
    ],
    ['the old address', 'upstream-address', { oldAddresses: [UPSTREAM] }, 'fail', /was known before.*never used/],
    ['a neighbour of the old one', 'upstream-address', { oldAddresses: ['203.0.113.99'] }, 'warn', /can be searched/],
    ['a neighbour of the service', 'upstream-address', { addresses: ['203.0.113.1'] }, 'warn', /can be searched/],
    [
      'what DNS still shows is old',
      'upstream-address',
      { dns: { ...DNS, strangers: [UPSTREAM] } },
      'fail',
      /was known before/,
    ],
    ['a public name', 'upstream-address', { dns: { ...DNS, namedUpstreams: ['app.example'] } }, 'fail', /app\.example/],
    ['no word of old ones', 'upstream-address', { oldAddresses: undefined }, 'unknown', /--old/],
    ['no old ones', 'upstream-address', { oldAddresses: [] }, 'ok', /./],
    ['open to strangers', 'firewall', { exposures: [seen('open')] }, 'fail', /203\.0\.113\.10:443.*tidegate firewall/],
    ['refusing strangers', 'firewall', { exposures: [seen('closed')] }, 'warn', /Drop them/],
    [
      'a vantage that is ours',
      'firewall',
      { exposures: [seen('open', { from: ['192.0.2.1'] })] },
      'unknown',
      /no vantage/,
    ],
    [
      'open to strangers',
      'exposure',
      { exposures: [seen('open')] },
      'fail',
      /answers strangers: 203\.0\.113\.10:80, 203/,
    ],
    [
      'an old report',
      'exposure',
      { exposures: [seen('filtered', { at: '2026-02-01T00:00:00.000Z' })] },
      'warn',
      /684 h old/,
    ],
    [
      'a port that nobody tried',
      'exposure',
      { exposures: [seen('filtered', { ports: seen('filtered').ports.slice(0, 1) })] },
      'unknown',
      /ports 443 were not tried/,
    ],
    [
      'the newest report counts',
      'exposure',
      { exposures: [seen('open', { at: '2026-02-28T00:00:00.000Z' }), seen('filtered')] },
      'ok',
      /No stranger/,
    ],
    ['no way from the vantage', 'exposure', { exposures: [seen('unknown')] }, 'unknown', /could be tried/],
    ['something is open', 'cut-over', { exposures: [seen('open')] }, 'fail', /Not settled yet: Firewall/],
    [
      'done too early',
      'cut-over',
      { dns: undefined, cutOver: { state: 'done', atMs: NOW } },
      'unknown',
      /all the same/,
    ],
    ['planned', 'cut-over', { cutOver: { state: 'planned', atMs: NOW } }, 'ok', /planned for 2026-03-01T12:00/],
  ] as const) {
    test(`${id}: ${shows}`, () => {
      const found = item(id, change)
      assert.equal(found.state, state, JSON.stringify(found))
      assert.match(`${found.saw} ${found.next ?? ''}`, words)
    })
  }

  test('a private upstream cannot be found', () => {
    const private_ = serviceOf('raw', ['10.0.0.5:80'])
    const change = { exposures: [], oldAddresses: undefined, probeByUpstream: new Map() }
    assert.equal(item('upstream-address', change, private_).state, 'ok')
    assert.equal(item('exposure', change, private_).state, 'ok')
  })

  test('worst first', () => {
    assert.equal(worstState([{ state: 'ok' }, { state: 'warn' }, { state: 'unknown' }]), 'unknown')
    assert.equal(worstState([]), 'ok')
  })
})

test("a service's public addresses come from its listeners, or from the machine", () => {
  const own = ['198.51.100.1', '10.0.0.1', '2001:db8::9', 'fd00::1']
  const at = (listen: string): string[] => serviceAddresses(serviceOf('raw', undefined, listen), own)
  assert.deepEqual(at('192.0.2.1:443'), ['192.0.2.1'])
  assert.deepEqual(at('0.0.0.0:443'), ['198.51.100.1'])
  assert.deepEqual(at('[::]:443'), ['2001:db8::9'])
  assert.deepEqual(at('*:443'), ['198.51.100.1', '2001:db8::9'])
  assert.deepEqual(at('10.0.0.1:443'), [])
})

function probes(probe: UpstreamProbe): Partial<GoliveFacts> {
  return { probeByUpstream: new Map([[`${UPSTREAM}:443`, probe]]) }
}
