import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { AdminForTest, NO_ACTIONS } from '../../../test/harness/admin-for-test.ts'
import type { Access } from '../../control/access/access.ts'
import type { Role } from '../../control/access/identity.ts'
import type { Change, ChangeOutcome } from '../../control/config-change/config-changes.ts'
import { ReadOnlyConfig } from '../../control/config-change/config-changes.ts'
import { CannotEdit } from '../../control/config-change/config-edit.ts'
import { ChangedMeanwhile, versionOf } from '../../control/config-change/config-file.ts'
import type { Problem } from '../contract.ts'
import type { ConfigActions } from './config.ts'

const CONFIG = '/api/v1/config'
const TEXT = 'services:\n  - name: web\n    upstreams:\n      - 192.0.2.1:80\n'
const version = versionOf(TEXT)
const VERSION = { id: 7, atMs: 0, who: 'ann', why: '<b>', sha256: version, bytes: 5, text: TEXT }

function outcomeOf(kind: 'done' | 'checked', { text }: Change): ChangeOutcome {
  const difference = { settings: [], servicesAdded: [], servicesRemoved: [], servicesChanged: [], listenersMoved: [] }
  return { kind, difference, text: '', tablesVersion: 2, unified: text(TEXT), version }
}

describe('the routes of the configuration', () => {
  let admin: AdminForTest
  let role: Role = 'admin'
  let fails: Error | undefined
  const authors: { who: string; why: string }[] = []
  const config: ConfigActions = {
    read: async () => ({ text: TEXT, version, file: '/f', readOnly: undefined }),
    dryRun: async (change) => outcomeOf('checked', change),
    apply: async (change, author) => {
      if (fails !== undefined) throw fails
      authors.push(author)
      return outcomeOf('done', change)
    },
    history: async () => [VERSION],
    version: async (id) => (id === VERSION.id ? { ...VERSION, unified: '' } : undefined),
  }
  before(async () => {
    const identify = async () => ({ who: 'ann', kind: 'token' as const, role })
    const access = { identify, localTokenFile: undefined } as unknown as Access
    admin = await AdminForTest.start({ actions: { ...NO_ACTIONS, config }, access })
  })
  after(() => admin.close())

  const UPSTREAMS = '/api/v1/services/web/upstreams'
  const ROUTES: readonly (readonly [method: string, path: string, body?: object])[] = [
    ['GET', CONFIG],
    ['PUT', CONFIG, { text: 'x', version }],
    ['POST', `${CONFIG}/dry-run`, { text: 'x' }],
    ['POST', `${CONFIG}/edits`, { edits: [{ kind: 'set', path: ['log', 'level'], value: 'warn' }] }],
    ['GET', `${CONFIG}/history`],
    ['GET', `${CONFIG}/history/7`],
    ['POST', `${CONFIG}/rollback`, { id: 7, version }],
    ['POST', UPSTREAMS, { address: '192.0.2.2:80', weight: 2 }],
    ['PATCH', `${UPSTREAMS}/192.0.2.1:80`, { weight: 2 }],
    ['DELETE', `${UPSTREAMS}/192.0.2.1:80`, { why: 'gone' }],
    ['DELETE', `${UPSTREAMS}/192.0.2.1:80`],
  ]

  for (const [method, path, body] of ROUTES) {
    test(`${method} ${path} is for admins`, async () => {
      role = 'operator'
      assert.equal((await admin.ask(method, path, { body })).status, 403)
      role = 'admin'
      assert.equal((await admin.ask(method, path, { body })).status, 200)
    })
  }

  test('the schema is for everybody who may look, so that an editor can be filled', async () => {
    role = 'viewer'
    const { status, body } = await admin.get(`${CONFIG}/schema`)
    role = 'admin'
    assert.deepEqual([status, (body as { title: string }).title], [200, 'tidegate.yaml'])
  })

  test('If-Match says the version as well, and one of them must', async () => {
    const { headers } = await admin.get(CONFIG)
    assert.equal(headers.etag, `"${version}"`)
    const withHeader = { body: { text: 'x' }, headers: { 'if-match': `"${version}"` } }
    assert.equal((await admin.ask('PUT', CONFIG, withHeader)).status, 200)
    const { status, body } = await admin.ask('PUT', CONFIG, { body: { text: 'x' } })
    assert.deepEqual([status, (body as Problem).code], [400, 'E_REQUEST'])
  })

  test('who and why go into the history and the audit log; looking goes into none', async () => {
    authors.length = 0
    admin.audited.length = 0
    await admin.ask('POST', `${CONFIG}/rollback`, { body: { id: 7, version, why: 'it was better' } })
    await admin.ask('POST', `${CONFIG}/dry-run`, { body: { text: 'x' } })
    assert.deepEqual(authors, [{ who: 'ann', why: 'back to 7: it was better' }])
    assert.deepEqual(
      admin.audited.map(({ who, action, details }) => [who, action, details]),
      [['ann', 'config.rollback', `done ${version.slice(0, 12)}: back to 7: it was better`]],
    )
  })

  const FAILURES: readonly (readonly [error: Error, status: number, code: string])[] = [
    [new ChangedMeanwhile({ text: 'theirs', version }), 409, 'E_CONFLICT'],
    [new ReadOnlyConfig('It is read-only.'), 409, 'E_READ_ONLY'],
    [new CannotEdit('An alias.'), 409, 'E_NOT_EDITABLE'],
  ]
  for (const [error, status, code] of FAILURES) {
    test(`${error.name} is ${code}`, async () => {
      fails = error
      const answer = await admin.ask('PUT', CONFIG, { body: { text: 'x', version } })
      fails = undefined
      const body = answer.body as Problem & { current?: object }
      assert.deepEqual([answer.status, body.code], [status, code])
      assert.deepEqual(body.current, code === 'E_CONFLICT' ? { text: 'theirs', version } : undefined)
    })
  }

  test('wrong requests are told what is expected', async () => {
    const wrong: [string, string, object, number][] = [
      ['PUT', CONFIG, { text: 'x', version: 'latest' }, 400],
      ['PUT', CONFIG, { text: 'x'.repeat(2 ** 20 + 1), version }, 400],
      ['PUT', CONFIG, { text: 'x'.repeat(4 * 2 ** 20), version }, 413],
      ['POST', `${CONFIG}/edits`, { edits: [] }, 400],
      ['POST', `${CONFIG}/edits`, { edits: [{ kind: 'set', path: ['a'] }] }, 400],
      ['POST', UPSTREAMS, { address: 'a:1', weight: -1 }, 400],
      ['POST', `${CONFIG}/rollback`, { id: 8, version }, 404],
      ['POST', '/api/v1/services/shop/upstreams', { address: 'a:1' }, 404],
    ]
    for (const [method, path, body, status] of wrong) {
      assert.equal((await admin.ask(method, path, { body })).status, status, `${method} ${path}`)
    }
    assert.equal((await admin.get(`${CONFIG}/history/0`)).status, 400)
  })
})

test('a daemon without a file has no configuration to change', async () => {
  const admin = await AdminForTest.start()
  const { status, body } = await admin.get(CONFIG)
  await admin.close()
  assert.deepEqual([status, (body as Problem).code], [404, 'E_NOT_FOUND'])
})
