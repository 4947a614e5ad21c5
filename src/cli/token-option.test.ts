import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { CommandError } from './exit-code.ts'
import { givenToken } from './token-option.ts'

const before = process.env['TIDEGATE_TOKEN']
after(() => {
  if (before === undefined) delete process.env['TIDEGATE_TOKEN']
  else process.env['TIDEGATE_TOKEN'] = before
})

test('a token of the environment says where it is from; an empty one is none', () => {
  process.env['TIDEGATE_TOKEN'] = 'tdg_x'
  assert.deepEqual(givenToken(), { token: 'tdg_x', from: '$TIDEGATE_TOKEN' })
  process.env['TIDEGATE_TOKEN'] = ''
  assert.equal(givenToken(), undefined)
})

test('what can be no token is not shown, and not taken for a daemon that cannot be reached', () => {
  for (const text of ['a\nb', 'a€b', ' ']) {
    process.env['TIDEGATE_TOKEN'] = text
    assert.throws(givenToken, (error: unknown) => {
      assert.ok(error instanceof CommandError)
      assert.match(error.message, /\$TIDEGATE_TOKEN is no token: expected/)
      assert.ok(!error.message.includes(text.trim() || 'nothing of it'))
      return true
    })
  }
})
