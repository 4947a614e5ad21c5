import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES, CLOSE_REASONS } from './close-reason.ts'

test('a code is the place of its name, and every name has one', () => {
  for (const [code, name] of CLOSE_REASON_NAMES.entries()) assert.equal(CLOSE_REASON_CODES[name], code)
  assert.deepEqual(Object.keys(CLOSE_REASON_CODES), CLOSE_REASON_NAMES)
})

test('a reason is a word for a log and a label, and is explained in whole sentences', () => {
  for (const [name, sentence] of Object.entries(CLOSE_REASONS)) {
    assert.match(name, /^[a-z]+(-[a-z]+)*$/)
    assert.match(sentence, /^\w.*\w\.$/)
  }
})
