import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BanView } from '../api/contract.ts'
import { banChangeText, bansText } from './bans-table.ts'
import { PLAIN } from './painter.ts'

const BAN: BanView = {
  prefix: '192.0.2.7',
  origin: 'strikes',
  since: '2026-11-21T10:00:00.123Z',
  until: '2026-11-21T10:10:00.123Z',
  why: '20 strikes, the last for slow-read on web',
  by: 'strikes',
  repeated: 0,
  watched: false,
}

test('bans stand in columns, with what is forever, repeated and on watch', () => {
  const bans = [
    BAN,
    { ...BAN, repeated: 2, watched: true },
    { ...BAN, prefix: '2001:db8::/64', origin: 'manual' as const, until: null, why: 'evil\u001b[2J', by: '127.0.0.1' },
  ]
  assert.equal(
    bansText({ total: 5, bans }, false, PLAIN),
    `  prefix         since                 until                 origin   by         why
  192.0.2.7      2026-11-21 10:00:00Z  2026-11-21 10:10:00Z  strikes  strikes    20 strikes, the last for slow-read on web
  192.0.2.7      2026-11-21 10:00:00Z  2026-11-21 10:10:00Z  strikes  strikes    would be banned: 20 strikes, the last for slow-read on web (ban 3)
  2001:db8::/64  2026-11-21 10:00:00Z  forever               manual   127.0.0.1  evil?[2J
  … and 2 older ones; --all shows them
`,
  )
  assert.equal(bansText({ total: 0, bans: [] }, false, PLAIN), 'Nobody is banned.\n')
  assert.equal(bansText({ total: 5, bans: [] }, true, PLAIN), 'None.\n')
  assert.doesNotMatch(bansText({ total: 5, bans }, true, PLAIN), /older/)
})

test('a change says what was done, and apart from it what was not', () => {
  const refused = [{ prefix: '192.0.2.1', why: 'is the address of an upstream, and is never banned' }]
  assert.deepEqual(banChangeText({ changed: 1_200, refused, stored: false, total: 1 }, 'banned'), {
    out: '1,200 banned; there is 1 ban now.\n',
    problems:
      '192.0.2.1 is the address of an upstream, and is never banned.\nWarning: this could not be stored, and holds until the next start only; the log of the daemon says why.\n',
  })
  assert.equal(
    banChangeText({ changed: 0, refused: [], stored: true, total: 0 }, 'unbanned').out,
    '0 unbanned; there are 0 bans now.\n',
  )
})
