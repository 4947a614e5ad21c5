import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { lookUpHost } from './host-lookup.ts'
import { systemResolver } from './system-resolver.ts'

test('the resolver of this machine knows localhost, without a name server', async () => {
  const resolver = systemResolver()
  const noServer = (): Promise<never> => Promise.reject(new Error('not asked'))
  const answer = await lookUpHost('localhost', { ...resolver, resolve4: noServer, resolve6: noServer })
  assert.ok(answer.kind === 'found')
  const addresses = [...answer.ipv4.addresses, ...answer.ipv6.addresses]
  assert.ok(addresses.length > 0 && addresses.every((ip) => ip.startsWith('127.') || ip === '::1'), String(addresses))
  assert.equal(answer.ttlMs, undefined)
})

test('records of a real name server come with their TTL', async () => {
  const server = await startNameServer()
  const resolver = systemResolver([`127.0.0.1:${server.port}`])
  try {
    const answer = await lookUpHost('db.example', resolver)
    assert.deepEqual(answer, {
      kind: 'found',
      ipv4: { addresses: ['203.0.113.1', '203.0.113.2'], unknown: false },
      ipv6: { addresses: [], unknown: false },
      ttlMs: 77_000,
    })
    await assert.rejects(resolver.resolve4('missing.example'), { code: 'ENOTFOUND' })
    await assert.rejects(resolver.resolve4('broken.example'), { code: 'ESERVFAIL' })
  } finally {
    server.close()
  }
})

const TYPE_A = 1
const NXDOMAIN = 3
const SERVFAIL = 2

/** Knows db.example: two A records, TTL 77 s, no AAAA [RFC 1035 4.1]. */
async function startNameServer(): Promise<{ readonly port: number; close(): void }> {
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => socket.send(answerTo(query), from.port, from.address))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { port: socket.address().port, close: () => socket.close() }
}

function answerTo(query: Buffer): Buffer {
  const nameEnd = query.indexOf(0, 12) + 1
  const question = query.subarray(12, nameEnd + 4)
  const name = query.subarray(13, nameEnd - 1).toString('latin1')
  const isKnown = name.startsWith('db')
  const addresses = isKnown && query.readUInt16BE(nameEnd) === TYPE_A ? [1, 2] : []
  const code = isKnown ? 0 : name.startsWith('broken') ? SERVFAIL : NXDOMAIN
  const header = Buffer.from([query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, addresses.length, 0, 0, 0, 0])
  const records = addresses.map((last) =>
    Buffer.from([0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 77, 0, 4, 203, 0, 113, last]),
  )
  return Buffer.concat([header, question, ...records])
}
