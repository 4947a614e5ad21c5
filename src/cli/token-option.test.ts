import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { givenToken } from './token-option.ts'

const before = process.env['TIDEGATE_TOKEN']
after(() => {
  if (before === undefined) delete process.env['TIDEGATE_TOKEN']
  else process.env['TIDEGATE_TOKEN'] = before
})

test('a variable that is empty gives no token: the one of this machine is taken, as without it', () => {
  process.env['TIDEGATE_TOKEN'] = 'tdg_x'
  assert.equal(givenToken(), 'tdg_x')
  process.env['TIDEGATE_TOKEN'] = ''
  assert.equal(givenToken(), undefined)
})
