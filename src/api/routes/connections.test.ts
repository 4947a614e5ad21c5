import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { AdminForTest, NO_ACTIONS } from '../../../test/harness/admin-for-test.ts'
import type { AdminActions } from '../room.ts'
import { TooManyLooks, type OpenConnection } from '../../control/operator/open-connections.ts'
import { LookError } from '../../control/workers/connection-looks.ts'
import { CONNECTION_STAGES } from '../../traffic/connection-look.ts'
import { CONNECTION_STAGE_WORDS, CONNECTIONS_PATH, ConnectionList, Problem } from '../contract.ts'

const OPEN: OpenConnection = {
  id: '0123456789ab000000000007',
  stage: 'dial',
  service: 'web',
  listener: '192.0.2.1:443',
  client: '198.51.100.7:5000',
  upstream: undefined,
  upstreamAddress: undefined,
  ageMs: 5,
  bytesToUpstream: 0,
  bytesToClient: 0,
  idleMs: undefined,
  clientRttMs: 1.5,
  upstreamRttMs: undefined,
}

test('the API has the same words for what a connection does as traffic', () => {
  assert.deepEqual(CONNECTION_STAGE_WORDS, CONNECTION_STAGES)
})

describe(CONNECTIONS_PATH, () => {
  let admin: AdminForTest
  let calls: unknown[][] = []
  let failure: Error | undefined
  const connections: AdminActions['connections'] = {
    list: async (...call) => {
      calls.push(['list', ...call])
      if (failure !== undefined) throw failure
      return call[2] === 'wrong' ? undefined : { connections: [OPEN], next: '1-5' }
    },
    close: async (...call) => (calls.push(['close', ...call]), 3),
    closeOne: async (id) => (calls.push(['closeOne', id]), id === OPEN.id),
    clientOf: async () => undefined,
  }
  before(async () => (admin = await AdminForTest.start({ actions: { ...NO_ACTIONS, connections } })))
  after(() => admin.close())
  beforeEach(() => {
    calls = []
    failure = undefined
    admin.audited.length = 0
  })

  async function refused(method: string, path: string, body?: unknown): Promise<Problem> {
    const answer = await admin.ask(method, `${CONNECTIONS_PATH}${path}`, { body })
    const problem = Problem.parse(answer.body)
    assert.equal(answer.status, problem.status)
    return problem
  }

  test('a list has what is not known as null, and where it goes on', async () => {
    const { status, body } = await admin.get(CONNECTIONS_PATH)
    assert.equal(status, 200)
    const { connections, next } = ConnectionList.parse(body)
    assert.deepEqual([connections[0].upstream, connections[0].idleMs, connections[0].clientRttMs], [null, null, 1.5])
    assert.equal(next, '1-5')
    assert.deepEqual(calls, [['list', {}, 100, undefined]])
  })

  test('names become places, and an address a network', async () => {
    await admin.get(`${CONNECTIONS_PATH}?service=web&upstream=spare&client=192.0.2.0/24&limit=7&after=1-5`)
    const [[, filter, limit, after]] = calls as [[string, Record<string, unknown>, number, string]]
    assert.deepEqual([filter['serviceIndex'], filter['upstreamIndex'], limit, after], [0, 1, 7, '1-5'])
    assert.deepEqual((filter['network'] as { prefixLength: number }).prefixLength, 24)
  })

  test('what is wrong is named, with what is expected', async () => {
    const wrong: [string, RegExp][] = [
      ['?service=wep', /Did you mean web\?/],
      ['?service=web&upstream=x', /no upstream "x"/],
      ['?upstream=one', /upstream: expected service with it/],
      ['?client=nobody', /client: "nobody", expected an address/],
      ['?client=192.0.2.1/24', /client: "192.0.2.1\/24", expected/],
      ['?limit=0', /expected 1 to 1000/],
      ['?limit=1001', /expected 1 to 1000/],
      ['?after=wrong', /after: "wrong"/],
      ['?color=red', /color/],
    ]
    for (const [query, detail] of wrong) assert.match((await refused('GET', query)).detail, detail, query)
  })

  test('workers that do not answer, and too many who ask, are said', async () => {
    failure = new LookError('silent')
    assert.equal((await refused('GET', '')).code, 'E_NOT_READY')
    failure = new TooManyLooks('many')
    assert.equal((await refused('GET', '')).code, 'E_TOO_MANY')
  })

  test('one is ended by its id; one that is gone is not found; both are audited', async () => {
    const { status, body } = await admin.ask('DELETE', `${CONNECTIONS_PATH}/${OPEN.id}`)
    assert.deepEqual([status, body], [200, { closed: 1 }])
    assert.equal((await refused('DELETE', '/other')).code, 'E_NOT_FOUND')
    assert.deepEqual(
      admin.audited.map(({ action, status }) => [action, status]),
      [
        ['connections.close', 200],
        ['connections.close', 404],
      ],
    )
  })

  test('all that fit are ended; all there are only when it is said', async () => {
    const { body } = await admin.ask('DELETE', CONNECTIONS_PATH, { body: { service: 'web' } })
    assert.deepEqual(body, { closed: 3 })
    assert.match(admin.audited[0].details, /"service":"web".*3/)
    for (const body of [{}, { service: 'web', all: true }, { all: false }, { upstream: 'one' }, { color: 'red' }]) {
      assert.equal((await refused('DELETE', '', body)).code, 'E_REQUEST', JSON.stringify(body))
    }
    await admin.ask('DELETE', CONNECTIONS_PATH, { body: { all: true } })
    assert.deepEqual(calls.at(-1), ['close', {}])
  })

  test('nobody sees or ends anything without credentials', async () => {
    for (const method of ['GET', 'DELETE']) {
      assert.equal((await admin.ask(method, CONNECTIONS_PATH, { token: 'none' })).status, 401)
    }
    assert.deepEqual(calls, [])
  })
})
