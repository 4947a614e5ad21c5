import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatIp, parseIp, parseNetwork } from '../../lib/ip.ts'
import { makeBan } from './ban.ts'
import { BanBook } from './ban-book.ts'
import type { BanRules } from './ban-rules.ts'
import { judgeSignal } from './ban-signal.ts'
import { Immunity } from './immunity.ts'

const DAY_MS = 86_400_000

function judges(max = 10) {
  const immunity = new Immunity(() => ['192.0.2.1', '2001:db8:1::1'])
  const rules = { max, ttlMaxMs: 7 * DAY_MS } as BanRules
  return { book: new BanBook(max, 7 * DAY_MS), immunity, rules, nowMs: 1_000 }
}

function signal(client: string, ttlMs = 60_000) {
  return { client: parseIp(client)!, ttlMs, why: 'spam', by: 'app for web' }
}

describe('a signal of an upstream', () => {
  test('bans the one source, of IPv6 the /64, for the time that is asked for', () => {
    const all = judges()
    for (const [client, prefix] of [
      ['203.0.113.7', '203.0.113.7'],
      ['::ffff:203.0.113.8', '203.0.113.8'],
      ['2001:db8:7::9', '2001:db8:7::/64'],
    ]) {
      const outcome = judgeSignal(signal(client), all)
      assert.ok(outcome.kind === 'banned' && outcome.isNew, client)
      assert.deepEqual([outcome.ban.text, outcome.ban.untilMs, outcome.ban.origin], [prefix, 61_000, 'signals'])
    }
    assert.equal(all.book.active, 3)
  })

  test('for no longer than strikes ban', () => {
    const outcome = judgeSignal(signal('203.0.113.7', 300 * DAY_MS), judges())
    assert.ok(outcome.kind === 'banned')
    assert.equal(outcome.ban.untilMs, 1_000 + 7 * DAY_MS)
  })

  test('never who is immune: the /64 of an own address among them', () => {
    const all = judges()
    all.immunity.noteAdminClient('203.0.113.9', 1_000)
    for (const client of ['192.0.2.1', '2001:db8:1::2', '203.0.113.9']) {
      const outcome = judgeSignal(signal(client), all)
      assert.equal(outcome.kind, 'never', formatIp(parseIp(client)!))
    }
    assert.equal(all.book.active, 0)
  })

  test('takes the place of a shorter ban and leaves a longer one, also one around it', () => {
    const all = judges()
    const rest = { origin: 'manual', sinceMs: 0, why: 'x', by: 'me', repeated: 0, isWatched: false } as const
    all.book.put(makeBan(parseNetwork('203.0.113.7')!, { ...rest, untilMs: 2_000 }))
    const longer = judgeSignal(signal('203.0.113.7'), all)
    assert.ok(longer.kind === 'banned' && longer.isNew)
    all.book.put(makeBan(parseNetwork('203.0.113.0/24')!, { ...rest, untilMs: Infinity }))
    const shorter = judgeSignal(signal('203.0.113.7', 600_000), all)
    assert.ok(shorter.kind === 'banned' && !shorter.isNew)
    assert.equal(shorter.ban.text, '203.0.113.0/24')
  })

  test('a watched ban is not in its way, a book full of bans by hand is', () => {
    const all = judges(1)
    const rest = { sinceMs: 0, untilMs: Infinity, why: 'x', by: 'me', repeated: 0 }
    all.book.put(makeBan(parseNetwork('203.0.113.7')!, { ...rest, origin: 'strikes', isWatched: true }))
    const real = judgeSignal(signal('203.0.113.7'), all)
    assert.ok(real.kind === 'banned' && real.isNew)
    const displacing = judgeSignal(signal('203.0.113.8'), all)
    assert.ok(displacing.kind === 'banned')
    assert.equal(displacing.displaced?.text, '203.0.113.7')
    all.book.put(makeBan(parseNetwork('203.0.113.9')!, { ...rest, origin: 'manual', isWatched: false }))
    const refused = judgeSignal(signal('203.0.113.10'), all)
    assert.ok(refused.kind === 'never')
    assert.match(refused.why, /finds no room/)
  })
})
