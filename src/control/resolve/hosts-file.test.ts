import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressesInHosts } from './hosts-file.ts'

const HOSTS = `# comment db.example
127.0.0.1\tlocalhost localhost.localdomain
::1       localhost ip6-localhost
203.0.113.1 db.example db # 203.0.113.2 other.example
  203.0.113.3   DB.Example\r
203.0.113.4
`

const CASES: readonly (readonly [hostname: string, addresses: readonly string[]])[] = [
  ['localhost', ['127.0.0.1', '::1']],
  ['db.example', ['203.0.113.1', '203.0.113.3']],
  ['db.example.', ['203.0.113.1', '203.0.113.3']],
  ['db', ['203.0.113.1']],
  ['other.example', []],
  ['203.0.113.4', []],
  ['', []],
]

for (const [hostname, addresses] of CASES) {
  test(`the hosts file has ${addresses.length} addresses for ${JSON.stringify(hostname)}`, () => {
    assert.deepEqual(addressesInHosts(HOSTS, hostname), addresses)
  })
}
