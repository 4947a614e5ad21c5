import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { rootCertificates } from 'node:tls'
import type { Config } from './config.ts'
import { parseConfig } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidegate-check-'))
after(() => rmSync(folder, { recursive: true }))

function parse(check: object): Config {
  const service = { name: 'web', listen: ['127.0.0.1:0'], upstreams: ['192.0.2.1:443'], check }
  return parseConfig(JSON.stringify({ services: [service] }), join(folder, 'tidegate.yaml'), {})
}

test('a file of authorities is read from the folder of the configuration', () => {
  writeFileSync(join(folder, 'two.pem'), `# ours\n${rootCertificates[0]}\n${rootCertificates[1]}\n`)
  const [{ check }] = parse({ tls: { ca: 'two.pem' } }).services
  assert.equal(check?.tls.caFile, join(folder, 'two.pem'))
  assert.match(check?.tls.ca ?? '', /^# ours\n-----BEGIN CERTIFICATE-----/)
})

for (const [name, text, message] of [
  ['no certificate', 'hello\n', /tls\.ca: "x\.pem" has no certificate in it; expected PEM \[E_CONFIG_CERTIFICATE\]/],
  [
    'half a certificate',
    `${rootCertificates[0]}\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n`,
    /tls\.ca: "x\.pem" has a certificate in it that cannot be read/,
  ],
  ['too much', ' '.repeat(2 ** 20 + 1), /tls\.ca: "x\.pem" is larger than 1 MiB/],
] as const) {
  test(`a file of authorities with ${name} is a mistake with its place`, () => {
    writeFileSync(join(folder, 'x.pem'), text)
    assert.throws(() => parse({ tls: { ca: 'x.pem' } }), message)
  })
}

test('headers are bounded', () => {
  const headers = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`X-${i}`, 'a']))
  assert.throws(() => parse({ headers }), /check\.headers: has too many entries; at most 100 are taken/)
})
