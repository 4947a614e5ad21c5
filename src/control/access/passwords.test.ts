import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HASHES_AT_ONCE_MAX, HASHES_WAITING_MAX, passwordProblem, Passwords } from './passwords.ts'

test('a hash is argon2id with its own salt, and only the same password is right, however it was typed', async () => {
  const passwords = new Passwords()
  const [one, two] = await Promise.all([passwords.hash('naïve horse battery'), passwords.hash('naïve horse battery')])
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  assert.notEqual(one, two)
  // Composed by one keyboard, in two characters by another.
  assert.equal(await passwords.isRight(one, 'nai\u0308ve horse battery'), true)
  assert.equal(await passwords.isRight(one, 'naive horse battery'), false)
  assert.equal(await passwords.isRight(undefined, 'a password that nobody has'), false)
  assert.equal(await passwords.isRight('no hash', 'x'), false)
})

test('some are hashed at once, some wait, and who comes on top is told to come again', async () => {
  const passwords = new Passwords()
  const asked = HASHES_AT_ONCE_MAX + HASHES_WAITING_MAX + 5
  const results = await Promise.allSettled(Array.from({ length: asked }, () => passwords.hash('correct horse battery')))
  const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
  assert.deepEqual(
    refused.map(({ reason }) => (reason as { code: string }).code),
    Array.from({ length: 5 }, () => 'E_TOO_MANY'),
  )
  assert.equal(typeof (await passwords.hash('correct horse battery')), 'string')
})

test('a password that is too short, too plain, or has the name in it is told why', () => {
  assert.match(passwordProblem('short', 'ann') ?? '', /too short/)
  assert.match(passwordProblem('x'.repeat(300), 'ann') ?? '', /longer than/)
  assert.match(passwordProblem('ababababab', 'ann') ?? '', /a few characters only/)
  assert.match(passwordProblem('hello ANN hello', 'ann') ?? '', /name of the user/)
  assert.equal(passwordProblem('correct horse battery', 'ann'), undefined)
})
