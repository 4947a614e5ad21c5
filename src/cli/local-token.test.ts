import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { listenersIn, readLocalToken } from './local-token.ts'

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:26AC 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1
   1: 0100007F:26AC 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1001        0 4243 1
   2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1`

test('the users that listen on a port, those that are only connected to it left out', () => {
  assert.deepEqual(listenersIn(TABLE, 9900), [1000])
  assert.deepEqual(listenersIn(TABLE, 80), [0])
  assert.deepEqual(listenersIn(TABLE, 81), [])
})

test('a token is sent to the owner of its file only, on this machine, and only what is one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-cli-token-'))
  const file = join(folder, 'admin-token')
  const token = `tdg_local_${'a'.repeat(43)}`
  writeFileSync(file, `${token}\n`)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  assert.equal(readLocalToken(new URL(`http://127.0.0.1:${port}`), file), token)
  assert.equal(readLocalToken(new URL(`http://192.0.2.1:${port}`), file), undefined)
  assert.equal(readLocalToken(new URL(`http://127.0.0.1.example:${port}`), file), undefined)
  assert.equal(readLocalToken(new URL('http://127.0.0.1:1'), file), undefined, 'nobody listens')
  const other = join(folder, 'id_rsa')
  writeFileSync(other, token)
  assert.equal(readLocalToken(new URL(`http://127.0.0.1:${port}`), other), undefined)
  writeFileSync(file, 'secret of somebody else')
  assert.equal(readLocalToken(new URL(`http://127.0.0.1:${port}`), file), undefined)
  server.close()
  rmSync(folder, { recursive: true })
})
