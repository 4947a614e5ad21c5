import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { makeCertificate } from '../../../test/harness/certificates.ts'
import { parseConfig } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidegate-check-admin-'))
after(() => rmSync(folder, { recursive: true }))

function check(cert: string, key: string): void {
  writeFileSync(join(folder, 'own.pem'), cert)
  writeFileSync(join(folder, 'own.key'), key)
  const admin = { tls: { certificate: 'own.pem', key: 'own.key' } }
  const services = [{ name: 'web', listen: ['192.0.2.1:443'], upstreams: ['203.0.113.1:443'] }]
  parseConfig(JSON.stringify({ admin, services }), join(folder, 'tidegate.yaml'), {})
}

test('a certificate of the admin API is refused for what TLS would refuse when it is too late', () => {
  const own = makeCertificate(folder, 'own', { names: 'DNS:own.example' })
  const other = makeCertificate(folder, 'other', { names: 'DNS:other.example' })
  check(own.cert + other.cert, own.key)
  const of = /\[E_CONFIG_CERTIFICATE\]/
  for (const [cert, key, why] of [
    ['', own.key, /admin\.tls\.certificate: .* is not a certificate as PEM/],
    [own.cert, 'nothing', /admin\.tls\.key: .* is not a private key as PEM/],
    [own.cert, other.key, /admin\.tls\.key: .* is not the key of/],
    [own.cert + other.cert.slice(0, -100), own.key, /admin\.tls\.certificate: .* is nothing that TLS takes: /],
  ] as const) {
    assert.throws(() => check(cert, key), why)
    assert.throws(() => check(cert, key), of)
  }
})
