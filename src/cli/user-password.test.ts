import assert from 'node:assert/strict'
import { it } from 'node:test'
import { choosePassword } from './user-password.ts'

it('a password that is made has not the name of the user in it, which the daemon would refuse', async () => {
  for (const user of ['a', 'B', '7', 'jo', 'ann']) {
    for (let i = 0; i < 50; i++) {
      const { password, isNew } = await choosePassword(undefined, user)
      assert.ok(!password.includes(user.toLowerCase()), password)
      assert.match(password, /^([a-z2-9]{5}-){3}[a-z2-9]{5}$/)
      assert.equal(isNew, true)
    }
  }
  assert.equal((await choosePassword(undefined, '')).isNew, true)
})
