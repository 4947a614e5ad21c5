import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { substituteEnv } from './environment.ts'
import { parseConfig } from './load.ts'

const ENV = { HOST: '203.0.113.1', PORT: '443', EMPTY: '', NESTED: '${PORT}', _x9: 'under' }

const REPLACED: readonly (readonly [text: string, result: string])[] = [
  ['${HOST}:${PORT}', '203.0.113.1:443'],
  ['${_x9}', 'under'],
  ['a${EMPTY}b', 'ab'],
  ['${EMPTY:-5}', '5'],
  ['${UNSET:-5}', '5'],
  ['${UNSET:-}', ''],
  ['${UNSET:-a:-b c}', 'a:-b c'],
  ['${PORT:-5}', '443'],
  ['${NESTED}', '${PORT}'],
  ['$${PORT}', '${PORT}'],
  ['$$${PORT}', '$${PORT}'],
  ['$${', '${'],
]

for (const [text, result] of REPLACED) {
  test(`${text} becomes ${result}`, () => {
    assert.deepEqual(substituteEnv(text, ENV), { kind: 'replaced', text: result })
  })
}

for (const text of ['', 'plain', '$PORT', '$', '{PORT}', '$ {PORT}', '50%', 'a$$b']) {
  test(`${JSON.stringify(text)} stays as it is`, () => {
    assert.deepEqual(substituteEnv(text, ENV), { kind: 'same' })
  })
}

const FAILED: readonly (readonly [text: string, says: RegExp])[] = [
  ['${UNSET}', /variable UNSET, which is not set/],
  ['${A}${B}', /variable A, .*; needs the environment variable B/],
  ['${}', /not a variable name/],
  ['${1A}', /not a variable name/],
  ['${A-B}', /not a variable name/],
  ['${ PORT }', /not a variable name/],
  ['${PORT', /without its }/],
  // Reached through the object's prototype, not set by anyone.
  ['${constructor}', /variable constructor, which is not set/],
]

for (const [text, says] of FAILED) {
  test(`${text} cannot be replaced`, () => {
    const substituted = substituteEnv(text, ENV)
    assert.ok(substituted.kind === 'failed')
    assert.match(substituted.problem, says)
  })
}

const serviceWith = (upstream: string): string =>
  `services: [{ name: a, mode: raw, listen: ["*:1"], upstreams: ["${upstream}"] }]`

test('numbers and booleans may come from variables', () => {
  const text = `traffic: { workers: "\${W}" }\n${serviceWith('203.0.113.1:${P}')}`.replace(
    'name: a',
    'name: a, proxyHeader: { crc32c: "${B}" }',
  )
  const config = parseConfig(text, 't', { W: '3', P: '443', B: 'false' })
  assert.equal(config.traffic.workers, 3)
  assert.equal(config.services[0].upstreams[0].port, 443)
  assert.equal(config.services[0].proxyHeader.crc32c, false)
})

test('no content of a variable changes the structure: it is the value, whole, or an error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (value) => {
      let services
      try {
        services = parseConfig(serviceWith('${UPSTREAM}'), 't', { UPSTREAM: value }).services
      } catch {
        return
      }
      assert.equal(services.length, 1)
      assert.deepEqual(
        services[0].upstreams.map(({ text }) => text),
        [value],
      )
    }),
  )
})
