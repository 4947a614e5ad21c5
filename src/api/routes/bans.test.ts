import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { AdminForTest, NO_ACTIONS } from '../../../test/harness/admin-for-test.ts'
import { NO_BANS } from '../../../test/harness/no-bans.ts'
import { nodeForTest } from '../../../test/harness/node-for-test.ts'
import { BAN_ORIGIN_NAMES, makeBan } from '../../control/bans/ban.ts'
import { parseNetwork } from '../../lib/ip.ts'
import type { BanActions } from './bans.ts'
import { BAN_ORIGIN_WORDS, BanChangeAnswer, BanList, Problem } from '../contract.ts'

const BAN = makeBan(parseNetwork('192.0.2.0/24')!, {
  origin: 'manual',
  sinceMs: 0,
  untilMs: Infinity,
  why: 'x',
  by: 'me',
  repeated: 0,
  isWatched: false,
})

test('the API has the same words for who made a ban as control', () => {
  assert.deepEqual(BAN_ORIGIN_WORDS, BAN_ORIGIN_NAMES)
})

describe('/api/v1/bans', () => {
  let admin: AdminForTest
  let calls: string[] = []
  const note = (...call: unknown[]): void => void calls.push(JSON.stringify(call))
  const bans: { -readonly [Key in keyof BanActions]: BanActions[Key] } = {
    ...NO_BANS,
    view: () => nodeForTest().bans.view(),
    list: (max, origin) => (note('list', max, origin), [BAN]),
    covering: () => (note('covering'), [BAN, BAN]),
    add: async (asked, by) => (
      note('add', asked, asked.ttlMs === Infinity, by),
      { changed: ['a'], refused: [], stored: true }
    ),
    remove: async (prefixes) => (
      note('remove', prefixes),
      { changed: [], refused: [{ prefix: 'b', why: 'c' }], stored: true }
    ),
    flush: async (origin) => (note('flush', origin), { bans: 7, stored: false }),
    noteAdminClient: (address) => note('admin', address),
  }
  before(async () => (admin = await AdminForTest.start({ actions: { ...NO_ACTIONS, bans } })))
  after(() => admin.close())
  beforeEach(() => (calls = []))

  function ask(
    method: string,
    body?: unknown,
    path = '/api/v1/bans',
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: unknown }> {
    return admin.ask(method, path, { body, headers })
  }

  test('only who could take a ban back is noted as one who must not be banned', async () => {
    const asked = [
      ['admin', undefined],
      ['operator', undefined],
      ['viewer', undefined],
      ['admin', ['web']],
    ] as const
    const noted: number[] = []
    for (const [role, services = null] of asked) {
      calls = []
      const name = `${role} ${services}`
      const { secret } = await admin.access.tokens.add({ name, role, services, ttlMs: null, by: 'test' })
      await admin.get('/api/v1/session', { token: secret })
      noted.push(calls.filter((call) => call.startsWith('["admin"')).length)
    }
    assert.deepEqual(noted, [1, 1, 0, 0])
  })

  test('lists, narrowed by what is asked, and notes who asks', async () => {
    const { status, body } = await ask('GET')
    assert.equal(status, 200)
    const { total, bans: listed } = BanList.parse(body)
    assert.deepEqual([total, listed[0].prefix, listed[0].until], [9, '192.0.2.0/24', null])
    BanList.parse((await ask('GET', undefined, '/api/v1/bans?limit=5&origin=strikes')).body)
    assert.equal(BanList.parse((await ask('GET', undefined, '/api/v1/bans?covering=192.0.2.7')).body).bans.length, 2)
    assert.deepEqual(calls, [
      '["admin","127.0.0.1"]',
      '["list",1000,null]',
      '["admin","127.0.0.1"]',
      '["list",5,"strikes"]',
      '["admin","127.0.0.1"]',
      '["covering"]',
    ])
  })

  test('bans, unbans and flushes', async () => {
    const added = await ask('POST', { prefixes: ['a'], ttlMs: 0 })
    assert.deepEqual([added.status, BanChangeAnswer.parse(added.body).changed], [200, 1])
    const removed = await ask('DELETE', { prefixes: ['b'] })
    assert.deepEqual(BanChangeAnswer.parse(removed.body).refused, [{ prefix: 'b', why: 'c' }])
    await ask('PUT', { prefixes: ['192.0.2.9'], ttlMs: 1000, comment: 'feed' })
    const { changed, stored } = BanChangeAnswer.parse((await ask('DELETE', { all: true, origin: 'manual' })).body)
    assert.deepEqual([changed, stored], [7, false])
    assert.deepEqual(
      calls.filter((call) => !call.startsWith('["admin"')),
      [
        '["add",{"prefixes":["a"],"ttlMs":null,"comment":"by hand","force":false},true,"local"]',
        '["remove",["b"]]',
        '["list",null,"manual"]',
        '["remove",["192.0.2.0/24"]]',
        '["add",{"prefixes":["192.0.2.9"],"ttlMs":1000,"comment":"feed","force":false},false,"local"]',
        '["flush","manual"]',
      ],
    )
  })

  test('what is wrong is said, and does nothing', async () => {
    const cases: [string, unknown, RegExp, number][] = [
      ['POST', {}, /prefixes: .*ttlMs: /, 400],
      ['POST', { prefixes: [], ttlMs: 0 }, /prefixes: /, 400],
      ['POST', { prefixes: ['a'], ttlMs: -1 }, /ttlMs is -1; /, 400],
      ['POST', { prefixes: ['a'], ttlMs: 0, comment: 'x'.repeat(201) }, /comment: /, 400],
      ['POST', { prefixes: Array(10_001).fill('192.0.2.1'), ttlMs: 0 }, /prefixes: /, 400],
      ['POST', { prefixes: Array(20).fill('x'.repeat(60_000)), ttlMs: 0 }, /1048576 bytes/, 413],
      ['DELETE', {}, /expected either prefixes or "all": true/, 400],
      ['DELETE', { all: true, prefixes: ['a'] }, /expected either prefixes or "all": true/, 400],
      ['DELETE', { all: true, origin: 'me' }, /origin is "me"; expected manual, strikes, neighbours, signals/, 400],
      ['PUT', { prefixes: [], ttlMs: 0 }, /prefixes: /, 400],
      ['PUT', { prefixes: ['192.0.2.1', 'x'], ttlMs: 0 }, /Nothing has changed: x is neither an address/, 400],
      ['PATCH', {}, /takes GET, HEAD, POST, PUT, DELETE/, 405],
    ]
    for (const [method, body, detail, wanted] of cases) {
      const answer = await ask(method, body)
      assert.equal(answer.status, wanted, detail.source)
      assert.match(Problem.parse(answer.body).detail, detail)
    }
    for (const query of ['limit=0', 'limit=x', 'limit=1000000', 'origin=me', 'covering=x']) {
      assert.equal((await ask('GET', undefined, `/api/v1/bans?${query}`)).status, 400, query)
    }
    assert.deepEqual(
      calls.filter((call) => !call.startsWith('["admin"')),
      [],
    )
  })

  test('what comes in after the hand-over to the next version is refused, and changes nothing', async () => {
    bans.isLeft = true
    for (const [method, body] of [
      ['POST', { prefixes: ['a'], ttlMs: 0 }],
      ['DELETE', { prefixes: ['b'] }],
      ['PUT', { prefixes: ['a'], ttlMs: 0 }],
      ['DELETE', { all: true }],
    ] as const) {
      const { status, body: answer } = await ask(method, body)
      assert.equal(status, 503)
      assert.match(Problem.parse(answer).detail, /Nothing has changed.*Ask again/)
    }
    bans.isLeft = false
    assert.deepEqual(
      calls.filter((call) => !call.startsWith('["admin"')),
      [],
    )
  })

  test('a web page changes nothing, and is no admin client', async () => {
    const headers = { origin: 'https://example.net' }
    assert.equal((await ask('DELETE', { all: true }, undefined, headers)).status, 403)
    const form = { 'content-type': 'text/plain' }
    assert.equal((await ask('DELETE', { all: true }, undefined, form)).status, 415)
    assert.deepEqual(calls, ['["admin","127.0.0.1"]'])
  })

  test('who has no token is told so, is no admin client, and is not told of', async () => {
    admin.audited.length = 0
    for (const token of ['none', 'wrong', 'tdg_local_of-a-tesT']) {
      const { status, body } = await admin.ask('POST', '/api/v1/bans', { body: { prefixes: ['a'], ttlMs: 0 }, token })
      assert.deepEqual([status, Problem.parse(body).code], [401, 'E_UNAUTHENTICATED'])
    }
    assert.deepEqual([calls, admin.audited], [[], []])
  })
})
