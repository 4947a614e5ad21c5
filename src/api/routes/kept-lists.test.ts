import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { AdminForTest, NO_ACTIONS } from '../../../test/harness/admin-for-test.ts'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { storeForLists } from '../../../test/harness/store-for-lists.ts'
import { KeptLists } from '../../control/lists/kept-lists.ts'
import { KeptListChange, keptListPath, KeptListPage, Problem } from '../contract.ts'

const PATH = keptListPath('deny', 'scanners')

describe('lists that operators keep', () => {
  let admin: AdminForTest
  const store = storeForLists()
  let applied = 0
  before(async () => {
    const keptLists = await KeptLists.load(store, capturedLog().log)
    keptLists.start(async () => ++applied > 0, false)
    admin = await AdminForTest.start({ actions: { ...NO_ACTIONS, keptLists } })
  })
  after(() => admin.close())

  async function change(method: string, body: unknown, path = PATH): Promise<KeptListChange> {
    const answer = await admin.ask(method, path, { body })
    assert.equal(answer.status, 200, answer.text)
    return KeptListChange.parse(answer.body)
  }

  async function page(query = '', path = PATH): Promise<KeptListPage> {
    return KeptListPage.parse((await admin.get(`${path}${query}`)).body)
  }

  test('one, many, with comment and end; what cannot be taken is named and the rest is taken', async () => {
    const answer = await change('POST', {
      entries: [
        { network: '192.0.2.1', comment: '<b>one</b>', ttlMs: 60_000 },
        { network: '198.51.100.0-198.51.100.2' },
        { network: '192.0.2.9/24' },
        { network: '0.0.0.0/1' },
      ],
      comment: 'many',
    })
    assert.deepEqual([answer.added, answer.entries, answer.refusedCount, answer.inForce], [3, 3, 2, true])
    assert.deepEqual(
      answer.refused.map(({ line }) => line),
      [3, 4],
    )
    assert.match(answer.refused[0].message, /write 192\.0\.2\.0\/24/)
    assert.match(answer.refused[1].message, /wider than a \/8/)
    const { total, entries } = await page()
    assert.equal(total, 3)
    assert.deepEqual(
      entries.map(({ network, comment, until, by }) => [network, comment, until === null, by]),
      [
        ['192.0.2.1/32', '<b>one</b>', false, 'local'],
        ['198.51.100.0/31', 'many', true, 'local'],
        ['198.51.100.2/32', 'many', true, 'local'],
      ],
    )
  })

  test('is read page by page, and searched in networks, comments and names', async () => {
    const first = await page('?limit=2')
    assert.deepEqual([first.entries.length, first.next], [2, '198.51.100.0/31'])
    const second = await page(`?limit=2&after=${encodeURIComponent(first.next ?? '')}`)
    assert.deepEqual([second.entries.length, second.next], [1, null])
    assert.deepEqual((await page('?search=MANY')).entries.length, 2)
    assert.deepEqual((await page('', keptListPath('allow', 'scanners'))).total, 0)
  })

  test('an exclusive sync leaves what was named and nothing else, and says what changed', async () => {
    const text = '# head\n198.51.100.2 # many\n203.0.113.0/24 ; SBL1\nnonsense\n'
    const answer = await change('PUT', { text })
    assert.deepEqual(answer.named, {
      added: ['203.0.113.0/24'],
      changed: [],
      removed: ['192.0.2.1/32', '198.51.100.0/31'],
    })
    assert.deepEqual([answer.unchanged, answer.entries], [1, 2])
    assert.match(answer.refused[0].message, /^"nonsense" is not an address/)
    assert.equal(answer.refused[0].line, 4)
    const before = applied
    assert.equal((await change('PUT', { text })).unchanged, 2)
    assert.equal(applied, before, 'nothing changed: no tables are made anew')
    const stored = await store.listEntries.all()
    assert.deepEqual(
      stored.map(({ list, network, comment }) => `${list} ${network} ${comment}`),
      ['deny/scanners 198.51.100.2/32 many', 'deny/scanners 203.0.113.0/24 SBL1'],
    )
  })

  test('a page of errors does not empty a list; an empty list does', async () => {
    const { status, body } = await admin.ask('PUT', PATH, { body: { text: '<html>' } })
    assert.deepEqual([status, Problem.parse(body).code], [400, 'E_REQUEST'])
    assert.equal((await page()).total, 2)
    assert.equal((await change('PUT', { entries: [] })).removed, 2)
    assert.equal((await page()).total, 0)
  })

  test('entries are removed by network, and what is not there is said', async () => {
    await change('POST', { entries: [{ network: '192.0.2.1' }, { network: '192.0.2.2' }] })
    const answer = await change('DELETE', { networks: ['192.0.2.1', '192.0.2.7', 'x'] })
    assert.deepEqual([answer.removed, answer.refusedCount, answer.entries], [1, 2, 1])
    assert.match(answer.refused[0].message, /"192\.0\.2\.7" is not on the list/)
    assert.equal((await change('DELETE', { all: true })).removed, 1)
  })

  for (const [method, body, path, detail] of [
    ['POST', {}, PATH, /expected either entries or text/],
    ['POST', { entries: [], text: '' }, PATH, /expected either entries or text/],
    ['POST', { entries: [{ network: 'x'.repeat(201) }] }, PATH, /network/],
    ['POST', { entries: [], ttlMs: -1 }, PATH, /ttlMs is -1/],
    ['POST', { entries: [] }, '/api/v1/lists/block/scanners', /expected allow or deny/],
    ['POST', { entries: [] }, '/api/v1/lists/deny/..%2fx', /expected up to 40 lower-case letters/],
    ['POST', { entries: [] }, '/api/v1/lists/deny/__proto__', /expected up to 40/],
    ['POST', { text: '0.0.0.0/0' }, PATH, /^$/],
    ['DELETE', {}, PATH, /expected either networks or "all": true/],
  ] as const) {
    test(`${method} ${path.slice(-12)} ${JSON.stringify(body).slice(0, 40)} changes nothing`, async () => {
      const answer = await admin.ask(method, path, { body })
      if (detail.source === '^$') return assert.equal(KeptListChange.parse(answer.body).refusedCount, 1)
      assert.equal(answer.status, 400)
      assert.match(Problem.parse(answer.body).detail, detail)
    })
  }

  test('with the store off nothing changes, and the answer says so; what holds goes on', async () => {
    await change('POST', { entries: [{ network: '192.0.2.1' }] })
    store.break()
    const { status, body } = await admin.ask('POST', PATH, { body: { entries: [{ network: '192.0.2.2' }] } })
    assert.deepEqual([status, Problem.parse(body).code], [503, 'E_STORE'])
    assert.equal((await page()).total, 1)
    store.mend()
    await change('DELETE', { all: true })
  })

  test('the audit log has what changed', async () => {
    admin.audited.length = 0
    await change('POST', { entries: [{ network: '192.0.2.1' }] })
    await change('DELETE', { all: true })
    assert.deepEqual(
      admin.audited.map(({ action, details }) => [action, details]),
      [
        ['lists.add', 'added 192.0.2.1/32'],
        ['lists.remove', 'removed 192.0.2.1/32'],
      ],
    )
  })
})
