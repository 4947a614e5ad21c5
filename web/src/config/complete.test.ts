import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { completionAt, meaningAt, type Schema } from './complete.ts'

const SCHEMA = JSON.parse(
  readFileSync(new URL('../../../docs/tidegate.schema.json', import.meta.url), 'utf8'),
) as Schema

/** `|` is the caret. */
function offered(text: string): string[] {
  const caret = text.indexOf('|')
  return completionAt(text.replace('|', ''), caret, SCHEMA).options.map(({ label }) => label)
}

test('keys of the whole file, without those that are there', () => {
  const keys = offered('admin:\n  listen: off\n|\nservices:\n')
  assert.deepEqual(keys.slice(0, 3), ['traffic', 'log', 'protect'])
  assert.ok(!keys.includes('admin') && !keys.includes('services'))
})

test('keys of a service, of an upstream in the long form, and of a mapping in it', () => {
  const service = 'services:\n  - name: web\n    upstreams:\n      - address: a:1\n'
  assert.ok(offered(`${service}    ba|`).includes('balance'))
  assert.ok(!offered(`${service}    |`).includes('name'))
  assert.deepEqual(offered(`${service}        we|`), ['weight'])
  assert.deepEqual(offered(`${service}      - max|`), ['maxConnections'])
  assert.deepEqual(offered('services:\n- queue:\n    |'), ['max', 'timeout', 'perClient'])
})

test('words of a key, with its default', () => {
  assert.deepEqual(offered('log:\n  level: wa|'), ['warn'])
  assert.ok(offered('services:\n  - balance: |').includes('round-robin'))
  assert.deepEqual(offered('admin:\n  watchConfig: t|'), ['true'])
  assert.deepEqual(offered('traffic:\n  workers: |'), ['auto'])
})

test('nothing in comments, between brackets, and below what does not exist', () => {
  assert.deepEqual(offered('# ad|'), [])
  assert.deepEqual(offered('log: { le|'), [])
  assert.deepEqual(offered('nonsense:\n  |'), [])
})

test('the meaning of the key at the caret', () => {
  const text = 'services:\n  - name: web\n    upstreams:\n      - address: a:1\n        weight: 5\n'
  const meaning = meaningAt(text, text.indexOf('5'), SCHEMA)
  assert.equal(meaning?.path, 'services.upstreams.weight')
  assert.match(meaning.description, /Default: 1\.$/)
})
