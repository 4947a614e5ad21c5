import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { describe, test } from 'node:test'
import { connect, type ConnectionOptions } from 'node:tls'
import fc from 'fast-check'
import { readClientHello } from './tls-client-hello.ts'

/** The first bytes that a real TLS client sends. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const wire = new Duplex({ read: () => undefined, write: (bytes: Buffer) => resolve(bytes) })
  const client = connect({ socket: wire, ...options }).on('error', () => undefined)
  const hello = await promise
  client.destroy()
  return hello
}

interface Seen {
  readonly serverName: string
  readonly alpn: string
}

/** With bytes before it and behind it, as in a buffer of the relay. */
function read(hello: Uint8Array): Seen | undefined {
  const bytes = Buffer.concat([Buffer.from('before'), hello, Buffer.from('behind')])
  const places = { serverNameAt: 7, serverNameBytes: 7, alpnAt: 7, alpnBytes: 7 }
  if (!readClientHello(bytes, 6, 6 + hello.length, places)) return undefined
  const text = (at: number, length: number): string => bytes.toString('latin1', at, at + length)
  return {
    serverName: text(places.serverNameAt, places.serverNameBytes),
    alpn: text(places.alpnAt, places.alpnBytes),
  }
}

describe('a TLS ClientHello', () => {
  test('tells the server name, and the protocol where only one is offered', async () => {
    const hello = await helloOf({ servername: 'www.example.com', ALPNProtocols: ['h2'] })
    assert.deepEqual(read(hello), { serverName: 'www.example.com', alpn: 'h2' })
    const several = await helloOf({ servername: 'a.example', ALPNProtocols: ['h2', 'http/1.1'] })
    assert.deepEqual(read(several), { serverName: 'a.example', alpn: '' })
  })

  test('of a client that names nothing tells nothing', async () => {
    assert.deepEqual(read(await helloOf({ host: '192.0.2.1' })), { serverName: '', alpn: '' })
  })

  test('of TLS 1.2 is read too', async () => {
    const hello = await helloOf({ servername: 'old.example', maxVersion: 'TLSv1.2' })
    assert.equal(read(hello)?.serverName, 'old.example')
  })

  test('that is not whole is none', async () => {
    const hello = await helloOf({ servername: 'www.example.com', ALPNProtocols: ['h2'] })
    for (let length = 0; length < hello.length; length++) assert.equal(read(hello.subarray(0, length)), undefined)
  })

  test('other first bytes are none', () => {
    for (const text of [
      '',
      'GET / HTTP/1.1\r\n\r\n',
      'SSH-2.0-x\r\n',
      '\u0016\u0003\u0001\u0000\u0000',
      '\u0016'.repeat(400),
    ])
      assert.equal(read(Buffer.from(text, 'latin1')), undefined)
  })

  test('with a name that is not plain ASCII is none: it would go on to the upstream', async () => {
    const hello = await helloOf({ servername: 'www.example.com' })
    const at = hello.indexOf('www.example.com')
    for (const byte of [0x00, 0x0a, 0x20, 0x7f, 0xff]) {
      const forged = Buffer.from(hello)
      forged[at + 3] = byte
      assert.equal(read(forged), undefined)
    }
  })

  test('however it is forged, what is told stands inside of it', async () => {
    const hello = await helloOf({ servername: 'www.example.com', ALPNProtocols: ['h2'] })
    const change = fc.tuple(fc.nat(hello.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const forged = Buffer.from(hello)
        for (const [at, byte] of changes) forged[at] = byte
        const places = { serverNameAt: 0, serverNameBytes: 0, alpnAt: 0, alpnBytes: 0 }
        if (!readClientHello(forged, 0, forged.length, places)) return
        assert.ok(places.serverNameBytes === 0 || places.serverNameAt + places.serverNameBytes <= forged.length)
        assert.ok(places.alpnBytes === 0 || places.alpnAt + places.alpnBytes <= forged.length)
      }),
      { numRuns: 2000 },
    )
  })
})
