import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { test } from 'node:test'
import type { Service, Tables } from '../../traffic/tables.ts'
import { checkPortsAreFree } from './free-ports.ts'
import { listenError } from './start-error.ts'

test('each errno of a listen has a sentence with its remedy', () => {
  const address = { family: 4, address: '0.0.0.0', port: 443 } as const
  const sentence = (code: string): string =>
    listenError(address, code, 'what libc says', 'listen of service web').message
  assert.match(
    sentence('EADDRINUSE'),
    /^Cannot listen on 0\.0\.0\.0:443: another process holds it \(EADDRINUSE\)\. Stop it/,
  )
  assert.match(sentence('EACCES'), /ports below 1024 need CAP_NET_BIND_SERVICE .*AmbientCapabilities.*setcap/)
  assert.match(sentence('EADDRNOTAVAIL'), /this machine has no such address .* in listen of service web/)
  assert.match(sentence('EAFNOSUPPORT'), /no IPv4/)
  assert.equal(sentence('EWEIRD'), 'Cannot listen on 0.0.0.0:443: what libc says (EWEIRD).')
})

test('a port that another program shares with SO_REUSEPORT counts as taken', async (t) => {
  const other = createServer().listen({ host: '127.0.0.1', port: 0, reusePort: process.platform === 'linux' })
  await once(other, 'listening')
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo
  const listeners = [{ index: 0, dualStack: false, address: { family: 4, address: '127.0.0.1', port } }]
  const tables: Tables = {
    version: 1,
    logConnections: 'all',
    services: [{ name: 'web', listeners } as unknown as Service],
  }
  await assert.rejects(checkPortsAreFree(tables), /another process holds it .*listen of service web/)
})
