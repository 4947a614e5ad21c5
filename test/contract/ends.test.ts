/** Half-close goes through in both orders with everything sent before and after it. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, it } from 'node:test'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { wholeStream } from '../harness/test-stream.ts'
import { Upstream } from '../harness/upstream.ts'

const TAIL = wholeStream(77, 5_000_000)
const MEGABYTE = wholeStream(78, 1_000_000)

forEachEngine((engine) => {
  let upstream: Upstream
  let daemon: Daemon
  let socketsAtStart: number

  before(async () => {
    upstream = await Upstream.listen()
    daemon = await Daemon.start({ engine, services: [{ upstreams: [upstream.address.text] }] })
    socketsAtStart = daemon.socketCount()
  })
  beforeEach(() => upstream.forget())
  after(async () => {
    upstream.close()
    await daemon.stop()
  })

  async function connection(options: { paused?: boolean } = {}): Promise<{ client: Peer; server: Peer }> {
    const client = await Peer.connect(daemon.addressOf(), options)
    return { client, server: await upstream.next() }
  }

  it('the client finishes first, and 5 MB follow the other way', async () => {
    const { client, server } = await connection()
    await client.write('request')
    client.finish()
    const request = await server.receiveAll()
    assert.equal(request.ending, 'fin')
    assert.equal(request.bytes.toString(), 'request')
    server.socket.end(TAIL)
    const answer = await client.receiveAll()
    assert.equal(answer.ending, 'fin')
    assert.ok(answer.bytes.equals(TAIL), `${answer.bytes.length} bytes of ${TAIL.length} arrived, or wrong ones`)
    const line = await daemon.lineOf(client)
    assert.equal(line.reason, 'client-closed')
    assert.equal(line.bytesToUpstream, 7)
    assert.equal(line.bytesToClient, TAIL.length)
    assert.equal(line.upstream, upstream.address.text)
    assert.equal(line.attempts, 1)
  })

  it('the upstream finishes first, and 5 MB follow the other way', async () => {
    const { client, server } = await connection()
    await server.write('bye')
    server.finish()
    const farewell = await client.receiveAll()
    assert.equal(farewell.ending, 'fin')
    assert.equal(farewell.bytes.toString(), 'bye')
    client.socket.end(TAIL)
    const rest = await server.receiveAll()
    assert.equal(rest.ending, 'fin')
    assert.ok(rest.bytes.equals(TAIL), `${rest.bytes.length} bytes of ${TAIL.length} arrived, or wrong ones`)
    const line = await daemon.lineOf(client)
    assert.equal(line.reason, 'upstream-closed')
    assert.equal(line.bytesToUpstream, TAIL.length)
    assert.equal(line.bytesToClient, 3)
  })

  it('both finish with data in flight both ways', async () => {
    const { client, server } = await connection()
    client.socket.end(MEGABYTE)
    server.socket.end(TAIL)
    const [atClient, atServer] = await Promise.all([client.receiveAll(), server.receiveAll()])
    assert.equal(atClient.ending, 'fin')
    assert.equal(atServer.ending, 'fin')
    assert.ok(atClient.bytes.equals(TAIL))
    assert.ok(atServer.bytes.equals(MEGABYTE))
    const line = await daemon.lineOf(client)
    assert.match(line.reason, /^(client|upstream)-closed$/)
  })

  it('the end waits behind the data of a receiver that does not read yet', async () => {
    const { client, server } = await connection({ paused: true })
    server.socket.end(TAIL)
    // The client's FIN must get past the full direction beside it.
    client.socket.end('late request')
    const request = await server.receiveAll()
    assert.equal(request.bytes.toString(), 'late request')
    client.resume()
    const answer = await client.receiveAll()
    assert.equal(answer.ending, 'fin')
    assert.ok(answer.bytes.equals(TAIL))
  })

  it('data, end and close that are all there before the daemon looks', async () => {
    const client = await daemon.frozen(async () => {
      const peer = await Peer.connect(daemon.addressOf())
      await peer.write('all at once')
      peer.finish()
      return peer
    })
    const server = await upstream.next()
    const request = await server.receiveAll()
    assert.equal(request.bytes.toString(), 'all at once')
    assert.equal(request.ending, 'fin')
    await daemon.frozen(async () => {
      server.socket.end('answer')
      await waitFor('the answer to be sent', () => server.socket.writableFinished)
    })
    const answer = await client.receiveAll()
    assert.equal(answer.bytes.toString(), 'answer')
    assert.equal(answer.ending, 'fin')
  })

  it('a client that sends nothing and finishes', async () => {
    const { client, server } = await connection()
    client.finish()
    assert.deepEqual(await server.receiveAll(), { bytes: Buffer.alloc(0), ending: 'fin' })
    server.finish()
    assert.deepEqual(await client.receiveAll(), { bytes: Buffer.alloc(0), ending: 'fin' })
    const line = await daemon.lineOf(client)
    assert.equal(line.reason, 'client-closed')
    assert.equal(line.bytesToUpstream, 0)
    assert.equal(line.bytesToClient, 0)
  })

  it('an upstream that sends nothing and finishes', async () => {
    const { client, server } = await connection()
    server.finish()
    assert.deepEqual(await client.receiveAll(), { bytes: Buffer.alloc(0), ending: 'fin' })
    client.finish()
    assert.deepEqual(await server.receiveAll(), { bytes: Buffer.alloc(0), ending: 'fin' })
    assert.equal((await daemon.lineOf(client)).reason, 'upstream-closed')
  })

  it('200 connections that end in every order leave no socket behind', async () => {
    const clients = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const client = await Peer.connect(daemon.addressOf())
        await client.write(`${i % 4}`)
        return client
      }),
    )
    for (let i = 0; i < clients.length; i++) {
      const server = await upstream.next()
      const order = (await server.receive(1)).toString()
      if (order === '0') server.finish()
      if (order === '1') server.reset()
      if (order === '2') server.destroy()
    }
    for (const [i, client] of clients.entries()) {
      if (i % 4 === 3) client.reset()
      else client.finish()
    }
    for (const server of upstream.connections) void server.ending.then(() => server.finish())
    await Promise.all(clients.map((client) => client.ending))
    await daemon.waitForSocketCount(socketsAtStart)
  })
})
