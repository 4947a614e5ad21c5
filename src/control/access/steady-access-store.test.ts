import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { waitFor } from '../../../test/harness/deadline.ts'
import { Access } from './access.ts'
import type { AccessStore } from './access-store.ts'
import { LocalToken } from './local-token.ts'
import { MemoryAccessStore } from './memory-access-store.ts'
import { SteadyAccessStore } from './steady-access-store.ts'

const PASSWORD = 'correct horse battery'
const FROM = '192.0.2.1'

/** A store that can be switched off. */
function switchable(store: AccessStore, isOn: () => boolean): AccessStore {
  const guarded = <Table extends object>(table: Table): Table =>
    new Proxy(table, {
      get: (_, name) => {
        const operation = Reflect.get(table, name) as (...args: unknown[]) => Promise<unknown>
        return async (...args: unknown[]) => {
          if (!isOn()) throw Object.assign(new Error('The disk is full.'), { code: 'E_STORE_FULL' })
          return await operation.apply(table, args)
        }
      },
    })
  return {
    users: guarded(store.users),
    sessions: guarded(store.sessions),
    tokens: guarded(store.tokens),
    audit: guarded(store.audit),
  }
}

describe('access while the store is off', () => {
  let isOn = true
  let stored: MemoryAccessStore
  let access: Access
  beforeEach(async () => {
    isOn = true
    stored = new MemoryAccessStore()
    await new Access(undefined, { store: stored }).users.add('ann', PASSWORD, 'admin')
    const steady = new SteadyAccessStore(switchable(stored, () => isOn))
    await steady.remember()
    access = new Access(new LocalToken('/nowhere', 'local'), { store: steady })
  })

  const logIn = async (): Promise<string> =>
    (await access.login.logIn({ name: 'ann', password: PASSWORD, address: FROM })).session.id
  const whoIs = async (session: string): Promise<string | undefined> => (await access.identify({ session }))?.who

  test('the local token is known, users log in, and tokens hold', async () => {
    const asked = { name: 'mon', role: 'viewer', services: null, ttlMs: null, by: 'ann' } as const
    const { secret } = await access.tokens.add(asked)
    const before = await logIn()
    assert.equal(await whoIs(before), 'ann')
    isOn = false
    assert.equal((await access.identify({ token: 'local' }))?.who, 'local')
    assert.equal((await access.identify({ token: secret }))?.who, 'token mon')
    assert.equal(await whoIs(before), 'ann')
    const during = await logIn()
    assert.equal(await whoIs(during), 'ann')
    await assert.rejects(access.login.logIn({ name: 'ann', password: 'wrong password', address: FROM }), {
      code: 'E_UNAUTHENTICATED',
    })
    isOn = true
    assert.deepEqual([await whoIs(before), await whoIs(during)], ['ann', 'ann'])
    const kept = await stored.sessions.ofUser('ann', Date.now())
    assert.equal(kept.length, 2, 'what began meanwhile is kept now')
  })

  test('what ended while it was off has ended for good', async () => {
    const [one, two] = [await logIn(), await logIn()]
    const { sessionHash } = (await access.identify({ session: one }))!
    isOn = false
    await access.sessions.end(sessionHash!)
    isOn = true
    assert.deepEqual([await whoIs(one), await whoIs(two)], [undefined, 'ann'])
    isOn = false
    await access.sessions.endAll('ann')
    assert.equal(await whoIs(two), undefined)
    isOn = true
    assert.equal(await whoIs(two), undefined)
  })

  test('what ended while it was off is ended in the store when that is back: a restart does not bring it back', async () => {
    const [one, two] = [await logIn(), await logIn()]
    await access.users.add('bob', PASSWORD, 'viewer')
    const ofBob = await access.login.logIn({ name: 'bob', password: PASSWORD, address: FROM })
    const { sessionHash } = (await access.identify({ session: one }))!
    isOn = false
    await access.sessions.end(sessionHash!)
    await access.sessions.endAll('bob')
    const late = await access.login.logIn({ name: 'bob', password: PASSWORD, address: FROM })
    isOn = true
    assert.equal(await whoIs(two), 'ann')
    const next = new Access(undefined, { store: new SteadyAccessStore(stored) })
    const isOver = async (session: string): Promise<boolean> => (await next.identify({ session })) === undefined
    await waitFor('the ends', async () => (await isOver(one)) && (await isOver(ofBob.session.id)))
    assert.deepEqual([await isOver(two), await whoIs(late.session.id)], [false, 'bob'])
    assert.equal(await isOver(late.session.id), false, 'begun after that')
  })

  test('what has to outlive the daemon is refused', async () => {
    isOn = false
    const full = { code: 'E_STORE_FULL' }
    await assert.rejects(access.users.add('bob', PASSWORD, 'viewer'), full)
    await assert.rejects(access.users.change('ann', { password: 'another long phrase' }), full)
    await assert.rejects(access.tokens.add({ name: 'x', role: 'viewer', services: null, ttlMs: null, by: 'ann' }), full)
    isOn = true
    assert.equal(typeof (await logIn()), 'string', 'the password of before holds')
  })

  test('nobody is offered a set-up by a store that can not say whether there are users', async () => {
    isOn = false
    assert.equal(await access.setUpLink(), undefined)
    const empty = new Access(undefined, { store: new SteadyAccessStore(new MemoryAccessStore()) })
    assert.ok(await empty.setUpLink())
  })
})
