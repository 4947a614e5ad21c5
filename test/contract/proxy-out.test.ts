/** The PROXY header that upstreams get: right, first, once, and in one piece with the client's first bytes. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, it } from 'node:test'
import { address } from '../harness/address.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import {
  readHeader,
  TLV_ALPN,
  TLV_AUTHORITY,
  TLV_CRC32C,
  TLV_UNIQUE_ID,
  type SeenHeader,
} from '../harness/proxy-header.ts'
import { numberNamed, socketBetween } from '../harness/socket-state.ts'
import { wholeStream } from '../harness/test-stream.ts'
import { closedAddress, Upstream } from '../harness/upstream.ts'

forEachEngine((engine) => {
  let upstream: Upstream
  let paused: Upstream
  let daemon: Daemon

  before(async () => {
    upstream = await Upstream.listen()
    paused = await Upstream.listen({ paused: true })
    const refused = await closedAddress()
    const upstreams = [upstream.address.text]
    const plain = { crc32c: false, uniqueId: false }
    daemon = await Daemon.start({
      engine,
      services: [
        { name: 'v1', mode: 'proxy-v1', upstreams },
        { name: 'v2', mode: 'proxy-v2', upstreams },
        { name: 'v2-plain', mode: 'proxy-v2', upstreams, proxyHeader: plain },
        { name: 'v2-crc', mode: 'proxy-v2', upstreams, proxyHeader: { crc32c: true, uniqueId: false } },
        { name: 'v2-id', mode: 'proxy-v2', upstreams, proxyHeader: { crc32c: false, uniqueId: true } },
        { name: 'v1-any', mode: 'proxy-v1', listen: ['0.0.0.0:0'], upstreams },
        { name: 'v1-dual', mode: 'proxy-v1', listen: ['*:0'], upstreams },
        { name: 'v2-dual', mode: 'proxy-v2', listen: ['*:0'], upstreams, proxyHeader: plain },
        { name: 'v1-six', mode: 'proxy-v1', listen: ['[::1]:0'], upstreams },
        { name: 'v2-six', mode: 'proxy-v2', listen: ['[::1]:0'], upstreams },
        {
          name: 'v1-failover',
          mode: 'proxy-v1',
          upstreams: [refused.text, upstream.address.text],
          retryFailedAfter: '0s',
        },
        { name: 'v1-paused', mode: 'proxy-v1', upstreams: [paused.address.text] },
        { name: 'v2-paused', mode: 'proxy-v2', upstreams: [paused.address.text] },
        { name: 'v2-quiet', mode: 'proxy-v2', upstreams: [paused.address.text], proxyHeader: { tlsHello: false } },
      ],
    })
  })
  beforeEach(() => {
    upstream.forget()
    paused.forget()
  })
  after(async () => {
    upstream.close()
    paused.close()
    await daemon.stop()
  })

  async function headerAt(server: Peer): Promise<SeenHeader> {
    return waitFor('the whole header', () => readHeader(server.received))
  }

  async function connection(service: string, at = daemon.addressOf(service)): Promise<{ client: Peer; server: Peer }> {
    const client = await Peer.connect(at)
    return { client, server: await upstream.next() }
  }

  it('v1 is the line of the specification, to the byte', async () => {
    const { client, server } = await connection('v1')
    const { port } = daemon.addressOf('v1')
    await client.write('hello')
    const line = `PROXY TCP4 127.0.0.1 127.0.0.1 ${client.localPort} ${port}\r\nhello`
    assert.equal((await server.receive(line.length)).toString(), line)
    client.destroy()
  })

  it('v1 over IPv6', async () => {
    const { client, server } = await connection('v1-six')
    const line = `PROXY TCP6 ::1 ::1 ${client.localPort} ${daemon.addressOf('v1-six').port}\r\n`
    assert.equal((await server.receive(line.length)).toString(), line)
    client.destroy()
  })

  it('v2 carries the addresses, a CRC32C and the id that the log shows', async () => {
    const { client, server } = await connection('v2')
    const header = await headerAt(server)
    assert.equal(header.family, 'TCP4')
    assert.equal(header.source, client.localText)
    assert.equal(header.destination, daemon.addressOf('v2').text)
    assert.deepEqual(
      header.tlvs.map((tlv) => tlv.type).sort((a, b) => a - b),
      [TLV_CRC32C, TLV_UNIQUE_ID],
    )
    client.finish()
    server.finish()
    const line = await daemon.lineOf(client)
    assert.equal(header.tlvs.find((tlv) => tlv.type === TLV_UNIQUE_ID)?.value.toString(), line.id)
  })

  for (const [service, types] of [
    ['v2-plain', []],
    ['v2-crc', [TLV_CRC32C]],
    ['v2-id', [TLV_UNIQUE_ID]],
  ] as const) {
    it(`${service} has the TLVs that proxyHeader asks for and no others`, async () => {
      const { client, server } = await connection(service)
      assert.deepEqual(
        (await headerAt(server)).tlvs.map((tlv) => tlv.type),
        types,
      )
      client.destroy()
    })
  }

  it('v2 without TLVs is 28 bytes over IPv4, to the byte', async () => {
    const { client, server } = await connection('v2-plain')
    const bytes = await server.receive(28)
    const { port } = daemon.addressOf('v2-plain')
    const ports = Buffer.alloc(4)
    ports.writeUInt16BE(client.localPort, 0)
    ports.writeUInt16BE(port, 2)
    assert.equal(bytes.toString('hex'), `0d0a0d0a000d0a515549540a2111000c7f0000017f000001${ports.toString('hex')}`)
    client.destroy()
  })

  it('v2 over IPv6', async () => {
    const { client, server } = await connection('v2-six')
    const header = await headerAt(server)
    assert.equal(header.family, 'TCP6')
    assert.equal(header.source, client.localText)
    assert.equal(header.destination, daemon.addressOf('v2-six').text)
    client.destroy()
  })

  it('the destination is the address the client came to, also on a wildcard listener', async () => {
    const at = address('127.0.0.77', daemon.addressOf('v1-any').port)
    const { client, server } = await connection('v1-any', at)
    assert.equal((await headerAt(server)).destination, at.text)
    client.destroy()
  })

  for (const service of ['v1-dual', 'v2-dual']) {
    it(`${service}: an IPv4 client of a dual-stack listener is IPv4 in header and log`, async () => {
      const at = address('127.0.0.1', daemon.addressOf(service).port)
      const { client, server } = await connection(service, at)
      const header = await headerAt(server)
      assert.equal(header.family, 'TCP4')
      assert.equal(header.source, client.localText)
      assert.equal(header.destination, at.text)
      client.finish()
      server.finish()
      assert.equal((await daemon.lineOf(client)).client, client.localText)
    })

    it(`${service}: an IPv6 client of a dual-stack listener is IPv6`, async () => {
      const at = address('::1', daemon.addressOf(service).port)
      const { client, server } = await connection(service, at)
      const header = await headerAt(server)
      assert.equal(header.family, 'TCP6')
      assert.equal(header.source, client.localText)
      client.destroy()
    })
  }

  for (const service of ['v1-paused', 'v2-paused']) {
    it(`${service}: header and first bytes leave in one segment when the bytes are already there`, async () => {
      const client = await daemon.frozen(async () => {
        const peer = await Peer.connect(daemon.addressOf(service))
        await peer.write('GET / HTTP/1.0\r\n\r\n')
        return peer
      })
      const server = await paused.next()
      const wanted = await waitFor('header and bytes at the upstream', () => {
        const state = socketBetween(server.localPort, server.remotePort)
        return state !== undefined && state.receiveQueue > 45 ? state : undefined
      })
      assert.equal(numberNamed(wanted, 'data_segs_in'), 1, wanted.text)
      server.resume()
      const bytes = await server.receive(wanted.receiveQueue)
      const header = readHeader(bytes)
      assert.equal(header?.source, client.localText)
      assert.equal(bytes.subarray(header?.length).toString(), 'GET / HTTP/1.0\r\n\r\n')
      client.destroy()
    })

    it(`${service}: a first burst of 1 MB that is already there arrives whole behind the header`, async () => {
      const burst = wholeStream(8, 1_000_000)
      const client = await daemon.frozen(async () => {
        const peer = await Peer.connect(daemon.addressOf(service))
        peer.socket.end(burst)
        return peer
      })
      const server = await paused.next()
      server.resume()
      const { bytes } = await server.receiveAll()
      const header = readHeader(bytes)
      assert.equal(header?.source, client.localText)
      assert.ok(bytes.subarray(header?.length).equals(burst))
      client.destroy()
    })
  }

  it('v2 names the server and the protocol that a TLS client has asked for already', async () => {
    const hello = clientHello('www.example.com', 'h2')
    const client = await daemon.frozen(async () => {
      const peer = await Peer.connect(daemon.addressOf('v2-paused'))
      await peer.write(hello)
      return peer
    })
    const server = await paused.next()
    server.resume()
    const header = await headerAt(server)
    assert.deepEqual(
      header.tlvs.map(({ type, value }) => [type, type < 3 ? value.toString() : '']),
      [
        [TLV_ALPN, 'h2'],
        [TLV_AUTHORITY, 'www.example.com'],
        [TLV_UNIQUE_ID, ''],
        [TLV_CRC32C, ''],
      ],
    )
    const bytes = await server.receive(header.length + hello.length)
    assert.ok(bytes.subarray(header.length).equals(hello))
    client.destroy()
  })

  it('v2 without tlsHello says nothing of a ClientHello', async () => {
    const client = await daemon.frozen(async () => {
      const peer = await Peer.connect(daemon.addressOf('v2-quiet'))
      await peer.write(clientHello('www.example.com', 'h2'))
      return peer
    })
    const server = await paused.next()
    server.resume()
    assert.deepEqual(
      (await headerAt(server)).tlvs.map(({ type }) => type),
      [TLV_UNIQUE_ID, TLV_CRC32C],
    )
    client.destroy()
  })

  it('a client that finishes at once is announced all the same', async () => {
    const { client, server } = await connection('v2')
    client.finish()
    const { bytes, ending } = await server.receiveAll()
    assert.equal(readHeader(bytes)?.length, bytes.length)
    assert.equal(ending, 'fin')
    client.destroy()
  })

  it('a client that had finished before it was accepted is announced to the upstream that its dial reached', async () => {
    const client = await daemon.frozen(async () => {
      const peer = await Peer.connect(daemon.addressOf('v2'))
      peer.finish()
      return peer
    })
    const server = await upstream.next()
    const { bytes, ending } = await server.receiveAll()
    assert.equal(readHeader(bytes)?.length, bytes.length)
    assert.equal(ending, 'fin')
    server.finish()
    assert.equal((await daemon.lineOf(client)).reason, 'client-closed')
  })

  it('the upstream that takes over gets the header once and whole', async () => {
    const { client, server } = await connection('v1-failover')
    await client.write('hello')
    client.finish()
    const { bytes } = await server.receiveAll()
    const header = readHeader(bytes)
    assert.equal(header?.source, client.localText)
    assert.equal(bytes.subarray(header?.length).toString(), 'hello')
    client.destroy()
  })

  it('ids differ from connection to connection', async () => {
    const ids = new Set<string>()
    for (let i = 0; i < 30; i++) {
      const { client, server } = await connection('v2-id')
      ids.add((await headerAt(server)).tlvs[0].value.toString())
      client.destroy()
    }
    assert.equal(ids.size, 30)
    for (const id of ids) assert.match(id, /^[0-9a-f]{24}$/)
  })
})

/** A ClientHello by hand, with just the two extensions [RFC 8446 4.1.2]. */
function clientHello(serverName: string, protocol: string): Buffer {
  const vector = (lengthBytes: number, ...parts: readonly Uint8Array[]): Buffer => {
    const bytes = Buffer.concat(parts)
    const length = Buffer.alloc(lengthBytes)
    length.writeUIntBE(bytes.length, 0, lengthBytes)
    return Buffer.concat([length, bytes])
  }
  const extension = (type: number, value: Buffer): Buffer => Buffer.concat([Buffer.of(0, type), vector(2, value)])
  const name = extension(0, vector(2, Buffer.of(0), vector(2, Buffer.from(serverName))))
  const alpn = extension(16, vector(2, vector(1, Buffer.from(protocol))))
  const fixed = Buffer.concat([Buffer.of(3, 3), Buffer.alloc(32), Buffer.of(0, 0, 2, 0x13, 0x01, 1, 0)])
  const hello = Buffer.concat([Buffer.of(1), vector(3, fixed, vector(2, name, alpn))])
  return Buffer.concat([Buffer.of(22, 3, 1), vector(2, hello)])
}
