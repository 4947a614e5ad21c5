/** /api/v1/services/…/golive, /probes, /firewall, /cut-overs, /exposure and /backup, over a real socket. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { AdminForTest, NO_ACTIONS } from '../../../test/harness/admin-for-test.ts'
import type { Access } from '../../control/access/access.ts'
import type { Identity } from '../../control/access/identity.ts'
import { parseConfig } from '../../control/config/load.ts'
import { CutOverError, type CutOverState } from '../../control/cut-over/cut-overs.ts'
import type { ExposureEntry as BookEntry } from '../../control/golive/exposure/exposure-book.ts'
import { TooManyLooksError } from '../../control/golive/going-live.ts'
import { DnsProbeError, firewallFor, ProbeTargetError } from '../../control/golive/golive.ts'
import { StoreError } from '../../control/store/store.ts'
import { BackupsError } from '../../control/store/backups.ts'
import { StartError } from '../../control/workers/start-error.ts'
import {
  BackupAnswer,
  CutOverAnswer,
  CutOversAnswer,
  DnsProbeAnswer,
  ExposuresAnswer,
  ExposureTakenAnswer,
  FirewallScriptAnswer,
  GoliveAnswer,
  Problem,
  UpstreamProbeAnswer,
} from '../contract.ts'
import type { GoliveActions } from './golive.ts'

const CONFIG = parseConfig(
  'services: [{ name: web, listen: ["192.0.2.1:443"], upstreams: ["203.0.113.10:8443"] }]',
  'tidegate.yaml',
  {},
)
const AT = '2026-11-22T03:00:00.000Z'
const ITEM = { id: 'dns', title: 'DNS', state: 'fail', saw: '<img src=x>', next: 'Do.' } as const
const STATE: CutOverState = {
  service: 'web',
  enabled: false,
  fileSays: true,
  plan: { at: AT, by: 'local', asked: {}, problem: undefined },
  last: { enabled: false, at: AT, by: 'local', planned: false },
}
const REPORT = {
  version: 1 as const,
  host: '203.0.113.10',
  at: AT,
  tookMs: 5,
  from: ['198.51.100.7'],
  ports: [{ address: '203.0.113.10', port: 443, verdict: 'open' as const, ms: 3 }],
}
const ENTRY: BookEntry = {
  id: 7,
  at: AT,
  service: 'web',
  vantage: 'cloud',
  verdict: 'open',
  source: '198.51.100.7',
  counts: true,
  why: undefined,
  report: REPORT,
}
const PROBE = {
  target: '203.0.113.10:8443',
  address: undefined,
  mode: undefined,
  takes: { none: 'unknown', v1: 'unknown', v2: 'unknown' },
  speaksFirst: undefined,
  speaksTls: undefined,
  sentence: 'No.',
  remedy: undefined,
  connectMs: undefined,
  attempts: [],
} as const
const DNS = {
  domain: 'www.example.com',
  expected: ['192.0.2.1'],
  chain: ['www.example.com'],
  sights: [{ server: 'a', isAuthority: false, records: [], problem: undefined }],
  pointsTo: 'nowhere',
  strangers: [],
  upstreamsShown: [],
  ttlS: undefined,
  oldGoneInS: undefined,
  isRunningOut: false,
  leaks: [],
  namedUpstreams: [],
  looked: [],
  problems: [],
} as const

/** Whoever names themselves in the token. */
const WHO: Readonly<Record<string, Identity>> = {
  viewer: { who: 'vera', kind: 'token', role: 'viewer' },
  operator: { who: 'otto', kind: 'token', role: 'operator' },
  admin: { who: 'ada', kind: 'token', role: 'admin' },
  vantage: { who: 'token cloud', kind: 'token', role: 'viewer', services: ['web'] },
  'operator-of-mail': { who: 'token mail', kind: 'token', role: 'operator', services: ['mail'] },
}

describe('going live', () => {
  const calls: string[] = []
  let failure: Error | undefined
  let admin: AdminForTest

  const said = <Answer>(name: string, args: readonly unknown[], answer: Answer): Promise<Answer> => {
    calls.push(`${name} ${JSON.stringify(args)}`)
    return failure === undefined ? Promise.resolve(answer) : Promise.reject(failure)
  }
  const goingLive: GoliveActions = {
    config: () => CONFIG,
    checklist: ({ name }, asked) => said('checklist', [name, asked], [ITEM]),
    probeUpstream: (...args) => said('probeUpstream', args, PROBE),
    probeDns: (...args) => said('probeDns', args, DNS),
    firewall: (request) => firewallFor({ ...request, config: CONFIG }),
    cutOvers: {
      states: () => [STATE],
      state: () => STATE,
      switch: (...args) => said('switch', args, true),
      plan: (...args) => said('plan', args, false),
      cancel: (...args) => said('cancel', args, true),
    },
    exposures: {
      take: ({ host }, sender) =>
        said('take', [host, sender], {
          services: host === REPORT.host ? ['web'] : [],
          verdict: 'open',
          counts: false,
          why: 'ours',
        }),
      list: (...args) => said('list', args, [ENTRY]),
      vantages: () => said('vantages', [], [{ vantage: 'cloud', service: 'web', last: ENTRY, isSilent: true }]),
    },
  }

  before(async () => {
    const access = {
      identify: ({ token = '' }) => Promise.resolve(WHO[token]),
      localTokenFile: undefined,
    } as unknown as Access
    const backup = (name?: string) => said('backup', [name], { path: `/state/backups/${name ?? 'x.db'}`, bytes: 9 })
    admin = await AdminForTest.start({
      access,
      actions: { ...NO_ACTIONS, bans: { ...NO_ACTIONS.bans, noteAdminClient: () => {} }, goingLive, backup },
    })
  })
  after(() => admin.close())

  async function ask(method: string, path: string, body?: unknown, token = 'operator') {
    calls.length = 0
    return await admin.ask(method, path, { token, ...(body === undefined ? {} : { body }) })
  }

  async function refused(status: number, pattern: RegExp, ...request: Parameters<typeof ask>): Promise<void> {
    const answer = await ask(...request)
    assert.equal(answer.status, status, answer.text)
    assert.match(Problem.parse(answer.body).detail, pattern)
  }

  test('the checklist says what was asked and what was seen', async () => {
    const query = 'domain=www.example.com&oldAddresses=&subdomains=a.example.com,%20b.example.com'
    const { body } = await ask('GET', `/api/v1/services/web/golive?${query}`)
    const answer = GoliveAnswer.parse(body)
    assert.deepEqual([answer.service, answer.state, answer.items], ['web', 'fail', [ITEM]])
    assert.deepEqual(calls, [
      'checklist ["web",{"domain":"www.example.com","oldAddresses":[],"subdomains":["a.example.com","b.example.com"]}]',
    ])
    await refused(404, /no service "wbe".*Did you mean web/, 'GET', '/api/v1/services/wbe/golive')
    await refused(400, /server/, 'GET', '/api/v1/services/web/golive?server=1.1.1.1')
    await refused(403, /vera is viewer/, 'GET', '/api/v1/services/web/golive', undefined, 'viewer')
    await refused(403, /only for mail/, 'GET', '/api/v1/services/web/golive', undefined, 'operator-of-mail')
  })

  test('an operator probes upstreams that are configured; others, and other name servers, are for admins', async () => {
    const { body } = await ask('POST', '/api/v1/probes/upstream', { target: '203.0.113.10:8443' })
    assert.equal(UpstreamProbeAnswer.parse(body).mode, null)
    const other = { target: '127.0.0.1:22', waitMs: 500 }
    await refused(403, /needs an admin, and otto is operator/, 'POST', '/api/v1/probes/upstream', other)
    assert.deepEqual(calls, [])
    assert.equal((await ask('POST', '/api/v1/probes/upstream', other, 'admin')).status, 200)
    assert.deepEqual(calls, ['probeUpstream ["127.0.0.1:22",{"answerTimeoutMs":500}]'])

    const asked = { domain: 'www.example.com', service: 'web' }
    const dns = await ask('POST', '/api/v1/probes/dns', asked)
    assert.equal(DnsProbeAnswer.parse(dns.body).sights[0].problem, null)
    assert.match(calls[0], /"addresses":\["192.0.2.1"\],"upstreams":\["203.0.113.10"\].*"asksAuthority":true/)
    await refused(403, /needs an admin/, 'POST', '/api/v1/probes/dns', { ...asked, servers: ['192.0.2.53'] })
    await refused(400, /Name the service, or its addresses/, 'POST', '/api/v1/probes/dns', { domain: 'x.example' })
  })

  test('what people do wrong, and what is too much, is said', async () => {
    for (const [error, status] of [
      [new TooManyLooksError('others are looking'), 429],
      [new DnsProbeError('no domain'), 400],
      [new ProbeTargetError('no address'), 400],
    ] as const) {
      failure = error
      await refused(status, new RegExp(error.message), 'POST', '/api/v1/probes/upstream', {
        target: '203.0.113.10:8443',
      })
    }
    failure = undefined
  })

  test('a firewall script comes as data and as a file, to whoever may look', async () => {
    const query = 'format=nftables&service=web&nodes=198.51.100.1,2001:db8::1&admins=192.0.2.0/28&rollbackAfterS=60'
    const { body } = await ask('GET', `/api/v1/firewall?${query}`, undefined, 'viewer')
    const answer = FirewallScriptAnswer.parse(body)
    assert.deepEqual([answer.ports, answer.rollbackAfterS], [[{ first: 8443, last: 8443 }], 60])
    assert.deepEqual(answer.allowed, { ipv4: ['192.0.2.0/28', '198.51.100.1/32'], ipv6: ['2001:db8::1/128'] })
    const file = await ask('GET', `/api/v1/firewall/script?${query}`, undefined, 'viewer')
    assert.equal(file.headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(file.headers['content-disposition'], 'attachment; filename="tidegate-firewall.sh"')
    assert.equal(file.text, answer.script)
    await refused(400, /expected nftables, iptables/, 'GET', '/api/v1/firewall?format=pf')
    await refused(400, /is everybody/, 'GET', '/api/v1/firewall?format=ufw&nodes=0.0.0.0/0')
    await refused(400, /no service "wbe"/, 'GET', '/api/v1/firewall?format=ufw&service=wbe')
  })

  test('operators open and close services; the rest may look', async () => {
    const path = '/api/v1/services/web/cut-over'
    const { services } = CutOversAnswer.parse((await ask('GET', '/api/v1/cut-overs', undefined, 'viewer')).body)
    assert.deepEqual([services[0].plan, services[0].last?.checklist], [{ at: AT, by: 'local', problem: null }, null])
    const at = new Date(Date.now() + 3_600_000).toISOString()
    const asked = { domain: 'www.example.com' }
    for (const [request, call] of [
      [{ action: 'enable', asked }, 'switch ["web",true,"otto",{"domain":"www.example.com"}]'],
      [{ action: 'disable' }, 'switch ["web",false,"otto"]'],
      [{ action: 'plan', at }, `plan ["web",${Date.parse(at)},"otto",{}]`],
      [{ action: 'cancel' }, 'cancel ["web","otto"]'],
    ] as const) {
      const answer = CutOverAnswer.parse((await ask('POST', path, request)).body)
      assert.equal(answer.stored, request.action !== 'plan')
      assert.deepEqual(calls, [call])
    }
    assert.deepEqual(
      admin.audited.filter(({ action }) => action === 'service.cut-over').map(({ details }) => details),
      ['enable', 'disable', `plan ${at}`, 'cancel'],
    )
    await refused(403, /needs operator/, 'POST', path, { action: 'enable' }, 'viewer')
    await refused(403, /only for mail/, 'POST', path, { action: 'enable' }, 'operator-of-mail')
    for (const [request, pattern] of [
      [{ action: 'open' }, /expected enable, disable, plan or cancel/],
      [{ action: 'plan' }, /`at` goes with `plan`/],
      [{ action: 'enable', at }, /`at` goes with `plan`/],
      [{ action: 'plan', at: 'soon' }, /expected a time such as/],
      [{ action: 'plan', at: '2026-11-22T03:00:00' }, /expected a time such as/],
      [{ action: 'plan', at: AT.replace('2026', '2020') }, /expected a time to come/],
      [{ action: 'plan', at: AT.replace('2026', '2096') }, /within a year/],
    ] as const)
      await refused(400, pattern, 'POST', path, request)
    failure = new StartError('E_LISTEN', 'another process holds it')
    await refused(503, /Nothing has changed. another process holds it/, 'POST', path, { action: 'enable' })
    failure = new CutOverError('is open already')
    await refused(409, /is open already/, 'POST', path, { action: 'plan', at })
    failure = undefined
  })

  test('a report comes from operators, or with a token for the service, and its source is taken note of', async () => {
    const path = '/api/v1/exposure'
    const { body } = await ask('POST', path, REPORT, 'vantage')
    assert.deepEqual(ExposureTakenAnswer.parse(body), {
      services: ['web'],
      verdict: 'open',
      counts: false,
      why: 'ours',
    })
    assert.deepEqual(calls, ['take ["203.0.113.10",{"who":"token cloud","source":"127.0.0.1","services":["web"]}]'])
    assert.equal((await ask('POST', path, REPORT)).status, 200)
    await refused(403, /needs operator, or a token/, 'POST', path, REPORT, 'viewer')
    await refused(404, /no upstream of web/, 'POST', path, { ...REPORT, host: '192.0.2.9' }, 'vantage')
    await refused(400, /from/, 'POST', path, { ...REPORT, from: ['<script>'] })
    await refused(400, /ports/, 'POST', path, { ...REPORT, ports: [] })
    const most = {
      ...REPORT,
      ports: Array.from({ length: 512 }, () => ({
        address: '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
        port: 65535,
        verdict: 'filtered',
        ms: 3000.123,
      })),
    }
    assert.equal((await ask('POST', path, most)).status, 200)
    await refused(413, /bytes/, 'POST', path, { ...REPORT, host: 'x'.repeat(70_000) })
    const listed = ExposuresAnswer.parse((await ask('GET', `${path}?limit=5`, undefined, 'viewer')).body)
    assert.deepEqual([listed.vantages[0].silent, listed.results[0].id], [true, 7])
    await refused(403, /only for web/, 'GET', path, undefined, 'vantage')
    failure = new StoreError('E_STORE_FULL', 'no room left')
    await refused(503, /no room left/, 'POST', path, REPORT)
    await refused(503, /no room left/, 'GET', path)
    failure = undefined
  })

  test('admins make backups, by names that are no paths', async () => {
    const path = '/api/v1/backup'
    assert.equal(BackupAnswer.parse((await ask('POST', path, {}, 'admin')).body).path, '/state/backups/x.db')
    assert.equal((await ask('POST', path, { name: 'before-1.2.db' }, 'admin')).status, 200)
    for (const name of ['../x', '/etc/x', '.x', '', 'a/b', 'a\\b', 'x'.repeat(101), 'a b'])
      await refused(400, /no path/, 'POST', path, { name }, 'admin')
    await refused(403, /needs admin/, 'POST', path, {})
    for (const [error, status] of [
      [new StoreError('E_STORE_EXISTS', 'is there already'), 409],
      [new StoreError('E_STORE_OFF', 'is off'), 503],
      [new BackupsError('move the old ones away'), 409],
    ] as const) {
      failure = error
      await refused(status, new RegExp(error.message), 'POST', path, {}, 'admin')
    }
    failure = undefined
  })
})
