import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseNetwork } from '../../lib/ip.ts'
import type { AskedBans } from './ban-answers.ts'
import { type Ban, type BanOrigin, makeBan } from './ban.ts'
import { replaceByHand } from './replace-by-hand.ts'

const NEVER = '198.51.100.1'

function bansWith(...bans: readonly Ban[]) {
  const calls: unknown[] = []
  return {
    calls,
    list: (max: number, origin?: BanOrigin) => bans.filter((ban) => ban.origin === origin).slice(0, max),
    add: async ({ prefixes }: AskedBans, by: string) => {
      calls.push(['add', prefixes, by])
      const refused = prefixes
        .filter((prefix) => prefix === NEVER)
        .map((prefix) => ({ prefix, why: 'is never banned' }))
      return { changed: prefixes.filter((prefix) => prefix !== NEVER), refused, stored: true }
    },
    remove: async (prefixes: readonly string[], by: string) => {
      calls.push(['remove', prefixes, by])
      return { changed: prefixes, refused: [], stored: false }
    },
  }
}

function ban(prefix: string, untilMs: number, origin: BanOrigin = 'manual'): Ban {
  const rest = { origin, sinceMs: 0, untilMs, why: 'feed', by: 'x', repeated: 0, isWatched: false }
  return makeBan(parseNetwork(prefix)!, rest)
}

const FEED = { ttlMs: Infinity, comment: 'feed', force: false }

describe('bans by hand that follow a list', () => {
  test('what is not on it ends, what is new comes, what is the same stays untouched; others are not looked at', async () => {
    const bans = bansWith(
      ban('192.0.2.1', Infinity),
      ban('192.0.2.2', Infinity),
      ban('192.0.2.3', 9),
      ban('192.0.2.4', Infinity, 'strikes'),
    )
    const { changed, stored, isTaken } = await replaceByHand(
      bans,
      { ...FEED, prefixes: ['192.0.2.2', '192.0.2.3', '2001:db8::1', '192.0.2.2'] },
      'ann',
    )
    assert.deepEqual(bans.calls, [
      ['remove', ['192.0.2.1'], 'ann'],
      ['add', ['192.0.2.3', '2001:db8::/64'], 'ann'],
    ])
    assert.deepEqual([changed, stored, isTaken], [['192.0.2.1', '192.0.2.3', '2001:db8::/64'], false, true])
  })

  test('another comment or a time to live makes each one new', async () => {
    const bans = bansWith(ban('192.0.2.1', Infinity))
    await replaceByHand(bans, { ...FEED, comment: 'other', prefixes: ['192.0.2.1'] }, 'ann')
    await replaceByHand(bans, { ...FEED, ttlMs: 5, prefixes: ['192.0.2.1'] }, 'ann')
    assert.deepEqual(
      bans.calls.filter((call) => (call as string[])[0] === 'add'),
      [0, 1].map(() => ['add', ['192.0.2.1'], 'ann']),
    )
  })

  test('what can not be read or is too wide leaves everything as it was', async () => {
    for (const prefix of ['192.0.2.300', '', '10.0.0.0/7']) {
      const bans = bansWith(ban('192.0.2.1', Infinity))
      const { refused, isTaken } = await replaceByHand(bans, { ...FEED, prefixes: ['192.0.2.9', prefix] }, 'ann')
      assert.deepEqual([refused.map((one) => one.prefix), isTaken, bans.calls], [[prefix], false, []])
    }
  })

  test('who is never banned is left out and named', async () => {
    const { refused, isTaken } = await replaceByHand(bansWith(), { ...FEED, prefixes: [NEVER, '192.0.2.1'] }, 'ann')
    assert.deepEqual([refused, isTaken], [[{ prefix: NEVER, why: 'is never banned' }], true])
  })
})
