import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hideEnv } from './hide-env.ts'

test('values of the environment are told by their names, the longer ones first; short words and unknown names are left', () => {
  const env = { TOKEN: 'secret', WHOLE: 'secret-and-more', PORT: '80', OTHER: 'elsewhere' }
  const text = '${WHOLE} ${TOKEN:-x} ${PORT} ${NONE} $${OTHER}'
  const told = { a: ['x secret-and-more', 'secret:80'], b: { c: 'elsewhere' }, d: 1 }
  assert.deepEqual(hideEnv(told, [text], env), { a: ['x ${WHOLE}', '${TOKEN}:80'], b: { c: 'elsewhere' }, d: 1 })
  assert.equal(hideEnv(told, ['nothing'], env), told)
})
