import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseIp, parseNetwork } from '../../lib/ip.ts'
import { PrefixTableWriter } from '../../lib/prefix-table-writer.ts'
import type { StrikeKind } from '../../traffic/admit/strike-kinds.ts'
import { serviceForTest } from '../../traffic/service-for-test.ts'
import type { Tables } from '../../traffic/tables.ts'
import { BanBook } from './ban-book.ts'
import { BanJudge } from './ban-judge.ts'
import type { BanRules } from './ban-rules.ts'
import { ADMIN_CLIENTS_MAX, Immunity } from './immunity.ts'

const RULES: BanRules = {
  rule: 'on',
  strikes: 2,
  withinMs: 1_000,
  ttlMs: 100,
  ttlMaxMs: 350,
  max: 100,
  spare: [],
  prefix: { rule: 'on', after: 3, withinMs: 1_000 },
}

function network(text: string) {
  const parsed = parseNetwork(text)
  assert.ok(parsed, text)
  return parsed
}

function tables(changes: { upstreams?: string[]; proxies?: string[]; allow?: string[] } = {}): Tables {
  const { upstreams = [], proxies = [], allow = [] } = changes
  const addresses = upstreams.map((address) => ({
    family: address.includes(':') ? (6 as const) : (4 as const),
    address,
    port: 1,
  }))
  const writer = new PrefixTableWriter({ v4: 100, v6: 100 })
  allow.forEach((text, i) => writer.set(network(text), i))
  return {
    version: 1,
    logConnections: 'all',
    services: [serviceForTest(addresses, { acceptProxyFrom: proxies.map(network) })],
    lists: { allow: writer.memory, deny: undefined },
  }
}

function court(changes: Partial<BanRules> = {}) {
  const rules = { ...RULES, ...changes }
  const book = new BanBook(rules.max, rules.ttlMaxMs)
  const immunity = new Immunity(() => ['198.51.100.1', 'fe80::1%eth0', '2001:db8:aaaa::1'])
  const judge = new BanJudge(book, immunity, rules)
  const strike = (address: string, nowMs = 0, kind: StrikeKind = 'slow-read'): string[] => {
    const bytes = parseIp(address)!
    const { bans } = judge.strike({ address: bytes, family: bytes.length === 4 ? 4 : 6, kind, service: 'web' }, nowMs)
    return bans.map(({ text, isWatched, untilMs, sinceMs }) => `${isWatched ? '?' : ''}${text} ${untilMs - sinceMs}`)
  }
  const strikeTwice = (address: string): string[] => strike(address).concat(strike(address))
  return { book, immunity, judge, strike, strikeTwice }
}

describe('the judge of bans', () => {
  test('enough strikes in the time ban a source, one kind for more than another', () => {
    const { strike } = court()
    assert.deepEqual(strike('192.0.2.1'), [])
    assert.deepEqual(strike('192.0.2.2'), [], 'another one')
    assert.deepEqual(strike('192.0.2.1'), ['192.0.2.1 100'])
    for (let i = 0; i < 199; i++) assert.deepEqual(strike('192.0.2.9', 0, 'unused'), [], String(i))
    assert.deepEqual(strike('192.0.2.9', 0, 'unused'), ['192.0.2.9 100'])
    for (let i = 0; i < 1_000; i++) assert.deepEqual(strike('192.0.2.10', 0, 'proxy-header'), [])
    assert.deepEqual(strike('192.0.2.11', 0), [])
    assert.deepEqual(strike('192.0.2.11', 1_000), [], 'the first one counts no more')
  })

  test('all of an IPv6 /64 is one source', () => {
    const { strike } = court()
    assert.deepEqual(strike('2001:db8::1'), [])
    assert.deepEqual(strike('2001:db8::ffff:ffff'), ['2001:db8::/64 100'])
  })

  test('each ban is twice as long as the one before, up to the longest, and starts anew when it is forgotten', () => {
    const { book, strike } = court({ prefix: { ...RULES.prefix, rule: 'off' } })
    const ban = (nowMs: number): string | undefined => {
      book.expire(nowMs, 10, () => {})
      strike('192.0.2.1', nowMs)
      return strike('192.0.2.1', nowMs)[0]
    }
    const endings = [0, 100, 300, 650, 1_000].map(ban)
    assert.deepEqual(
      endings,
      [100, 200, 350, 350, 350].map((ms) => `192.0.2.1 ${ms}`),
    )
    assert.equal(ban(1_350 + RULES.ttlMaxMs), '192.0.2.1 350', 'remembered from its end on')
    book.expire(10_000, 10, () => {})
    assert.equal(ban(20_000), '192.0.2.1 100')
  })

  test('strikes of who is banned already make no other ban', () => {
    const { strike } = court()
    for (const _ of [1, 2]) strike('192.0.2.1')
    for (let i = 0; i < 10; i++) assert.deepEqual(strike('192.0.2.1'), [])
  })

  test('neighbours that are banned have all of their /24 or /48 banned, and no ban in it is made after that', () => {
    const { strikeTwice } = court()
    assert.deepEqual(strikeTwice('192.0.2.1'), ['192.0.2.1 100'])
    assert.deepEqual(strikeTwice('192.0.2.2'), ['192.0.2.2 100'])
    assert.deepEqual(strikeTwice('192.0.3.3'), ['192.0.3.3 100'], 'no neighbour')
    assert.deepEqual(strikeTwice('192.0.2.3'), ['192.0.2.3 100', '192.0.2.0/24 100'])
    assert.deepEqual(strikeTwice('192.0.2.4'), [])
    const six = ['2001:db8:0:1::1', '2001:db8:0:2::1', '2001:db8:0:3::1'].flatMap(strikeTwice)
    assert.deepEqual(six.at(-1), '2001:db8::/48 100')
  })

  test('watch marks its bans, and a rule that watches the source makes no real ban of its neighbourhood', () => {
    const watching = court({ rule: 'watch' })
    const seen = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].flatMap(watching.strikeTwice)
    assert.deepEqual(seen, ['?192.0.2.1 100', '?192.0.2.2 100', '?192.0.2.3 100', '?192.0.2.0/24 100'])
    const half = court({ prefix: { ...RULES.prefix, rule: 'watch' } })
    const halves = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'].flatMap(half.strikeTwice)
    assert.deepEqual(halves, ['192.0.2.1 100', '192.0.2.2 100', '192.0.2.3 100', '?192.0.2.0/24 100', '192.0.2.4 100'])
    const off = court({ rule: 'off' })
    for (let i = 0; i < 10; i++) assert.deepEqual(off.strike('192.0.2.1'), [])
    assert.equal(off.judge.counts.size, 0)
  })

  test('nobody whom we live from, nor who is spared, is banned, nor a prefix with one of them in it', () => {
    const { immunity, judge, strike } = court({ spare: [network('10.0.0.0/8'), network('172.16.5.1')] })
    immunity.useTables(
      tables({
        upstreams: ['192.0.2.77', '2001:db8:bbbb::7'],
        proxies: ['203.0.113.0/28', '0.0.0.0/0'],
        allow: ['192.0.2.66'],
      }),
    )
    immunity.noteAdminClient('192.0.2.55', 0)
    const never = [
      '198.51.100.1',
      '2001:db8:aaaa::99',
      '192.0.2.77',
      '2001:db8:bbbb::1',
      '203.0.113.3',
      '192.0.2.66',
      '10.1.2.3',
      '192.0.2.55',
    ]
    for (const address of never) {
      strike(address)
      assert.deepEqual(strike(address), [], address)
    }
    assert.equal(judge.spared, never.length)
    for (const address of ['198.51.100.2', '198.51.100.3', '198.51.100.4', '172.16.5.2', '172.16.5.3', '172.16.5.4']) {
      strike(address)
      assert.deepEqual(strike(address), [`${address} 100`])
    }
    assert.equal(judge.spared, never.length + 2, 'each /24 has one of them in it')
  })
})

describe('immunity', () => {
  const immunity = new Immunity(() => ['198.51.100.1'])
  immunity.useTables(tables({ allow: ['192.0.2.0/25', '2001:db8::7/128', '2001:db8:1::/48'] }))

  test('the allow list covers what is all in it, not what has a part of it', () => {
    const cases: [string, string | undefined][] = [
      ['192.0.2.1', 'allow-list'],
      ['192.0.2.64/26', 'allow-list'],
      ['192.0.2.0/25', 'allow-list'],
      ['192.0.2.0/24', undefined],
      ['192.0.2.200', undefined],
      ['2001:db8::/64', undefined],
      ['2001:db8::7/128', 'allow-list'],
      ['2001:db8:1:5::/64', 'allow-list'],
      ['198.51.0.0/16', 'own'],
    ]
    for (const [text, wanted] of cases) assert.equal(immunity.of(network(text), 0), wanted, text)
  })

  test('who used the admin endpoint is not banned for an hour; of too many the first are forgotten', () => {
    immunity.noteAdminClient('not an address', 0)
    immunity.noteAdminClient('203.0.113.5', 1_000)
    assert.equal(immunity.of(network('203.0.113.0/24'), 3_600_999), 'admin')
    assert.equal(immunity.of(network('203.0.113.5'), 3_601_000), undefined)
    immunity.noteAdminClient('203.0.113.5', 4_000_000)
    for (let i = 0; i < ADMIN_CLIENTS_MAX; i++) immunity.noteAdminClient(`10.0.0.${i}`, 4_000_000)
    assert.equal(immunity.of(network('203.0.113.5'), 4_000_000), undefined)
    assert.equal(immunity.of(network('10.0.0.0'), 4_000_000), 'admin')
  })

  test('the addresses of this machine are asked for again; those known stay where that fails', () => {
    let own: string[] | undefined = ['198.51.100.1']
    const changing = new Immunity(() => own ?? assert.fail('out of files'))
    assert.equal(changing.of(network('198.51.100.1'), 0), 'own')
    own = ['198.51.100.2']
    assert.equal(changing.of(network('198.51.100.2'), 60_000), 'own')
    assert.equal(changing.of(network('198.51.100.1'), 60_000), undefined)
    own = undefined
    assert.equal(changing.of(network('198.51.100.2'), 120_000), 'own')
  })
})
