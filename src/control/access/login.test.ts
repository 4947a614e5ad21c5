/** What changes while somebody logs in: checking a password takes its time, and nothing holds the user still meanwhile. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Access } from './access.ts'
import { MemoryAccessStore } from './memory-access-store.ts'

const ASKED = { name: 'ann', password: 'correct horse battery', address: '192.0.2.1' }

for (const [what, change] of [
  ['gets another password', (access: Access) => access.users.change('ann', { password: 'another long phrase' })],
  ['is disabled', (access: Access) => access.users.change('ann', { isDisabled: true })],
  [
    'is removed, and another one gets the name',
    async (access: Access) => {
      await access.users.remove('ann')
      await access.users.add('ann', 'another long phrase', 'viewer')
    },
  ],
] as const) {
  test(`whoever ${what} while a login is under way has no session of before`, async () => {
    const store = new MemoryAccessStore()
    const failed: string[] = []
    const access = new Access(undefined, { store, onFailedLogin: (name) => failed.push(name) })
    await access.users.add('root', ASKED.password, 'admin')
    await access.users.add('ann', ASKED.password, 'operator')
    const add = store.sessions.add.bind(store.sessions)
    // The password was right, and the session is not there yet.
    store.sessions.add = async (session) => {
      await change(access)
      await add(session)
    }
    await assert.rejects(access.login.logIn(ASKED), { code: 'E_UNAUTHENTICATED' })
    assert.deepEqual([await access.sessions.ofUser('ann'), failed], [[], ['ann']])
  })
}
