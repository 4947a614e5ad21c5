import assert from 'node:assert/strict'
import { test } from 'node:test'
import { editText } from './edit-text.ts'
import { addUpstream, NoSuchName, patchUpstream, removeUpstream } from './upstream-edits.ts'

const ENV = { HOST: '192.0.2.1', NAME: 'web' }
const TEXT = `services:
  - name: \${NAME}
    upstreams:
      - \${HOST}:80 # first
      - { address: 192.0.2.2:80, name: two }
      - 192.0.2.3:80
`

test('upstreams are found by the names the daemon has: ${NAME} replaced, the address where there is no name', () => {
  const weight = editText(TEXT, patchUpstream(TEXT, ENV, 'web', '192.0.2.1:80', { weight: 3, maxConnections: 0 }))
  assert.ok(weight.includes('- address: ${HOST}:80 # first\n        weight: 3\n        maxConnections: off\n'), weight)
  const removed = editText(TEXT, removeUpstream(TEXT, ENV, 'web', 'two'))
  assert.equal(removed, TEXT.replace('      - { address: 192.0.2.2:80, name: two }\n', ''))
  const added = editText(TEXT, addUpstream(TEXT, ENV, 'web', { address: 'db.example:80', backup: true }))
  assert.equal(added, `${TEXT}      - { address: db.example:80, backup: true }\n`)
})

test('a new place counts from the top, after the other values are set', () => {
  const edits = patchUpstream(TEXT, ENV, 'web', 'two', { weight: 1, position: 0 })
  assert.deepEqual(editText(TEXT, edits).split('\n').slice(3, 5), [
    '      - { address: 192.0.2.2:80, name: two, weight: 1 }',
    '      - ${HOST}:80 # first',
  ])
  assert.deepEqual(patchUpstream(TEXT, ENV, 'web', 'two', { position: 1 }), [])
})

test('names that are not in the file are refused with those that are', () => {
  assert.throws(() => removeUpstream(TEXT, ENV, 'shop', 'two'), NoSuchName)
  assert.throws(() => removeUpstream(TEXT, ENV, 'web', 'three'), /192\.0\.2\.1:80, two, 192\.0\.2\.3:80/)
})
