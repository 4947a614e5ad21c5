/** IPv4, IPv6, both on one listener, and several listeners of one service. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { address } from '../harness/address.ts'
import { Daemon } from '../harness/daemon.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { socketStates } from '../harness/socket-state.ts'
import { echo, Upstream } from '../harness/upstream.ts'

forEachEngine((engine) => {
  let four: Upstream
  let six: Upstream
  let daemon: Daemon

  before(async () => {
    four = await Upstream.listen({ onConnection: echo })
    six = await Upstream.listen({ host: '::1', onConnection: echo })
    daemon = await Daemon.start({
      engine,
      services: [
        { name: 'four-to-six', listen: ['127.0.0.1:0'], upstreams: [six.address.text] },
        { name: 'six-to-four', listen: ['[::1]:0'], upstreams: [four.address.text] },
        { name: 'six-to-six', listen: ['[::1]:0'], upstreams: [six.address.text] },
        { name: 'dual', listen: ['*:0'], upstreams: [four.address.text] },
        { name: 'six-only', listen: ['[::]:0'], upstreams: [four.address.text] },
        { name: 'many', listen: ['127.0.0.1:0', '127.0.0.5:0', '[::1]:0'], upstreams: [four.address.text] },
      ],
    })
  })
  after(async () => {
    four.close()
    six.close()
    await daemon.stop()
  })

  async function visit(at: {
    host: string
    port: number
    text: string
  }): Promise<Awaited<ReturnType<Daemon['lineOf']>>> {
    const client = await Peer.connect(at)
    await client.write('hello')
    await client.receiveText('hello')
    client.finish()
    await client.receiveAll()
    return daemon.lineOf(client)
  }

  for (const service of ['four-to-six', 'six-to-four', 'six-to-six']) {
    it(`relays ${service.replaceAll('-', ' ')}`, async () => {
      const line = await visit(daemon.addressOf(service))
      assert.equal(line.service, service)
      assert.equal(line.reason, 'client-closed')
    })
  }

  it('one listener takes both families, and an IPv4 client has one spelling', async () => {
    const { port } = daemon.addressOf('dual')
    const v4 = await visit(address('127.0.0.1', port))
    assert.match(v4.client, /^127\.0\.0\.1:\d+$/)
    const v6 = await visit(address('::1', port))
    assert.match(v6.client, /^\[::1\]:\d+$/)
    assert.equal(v4.listener, v6.listener)
  })

  it('[::] is IPv6 only', async () => {
    const { port } = daemon.addressOf('six-only')
    await visit(address('::1', port))
    await assert.rejects(Peer.connect(address('127.0.0.1', port)), { code: 'ECONNREFUSED' })
  })

  it('each listener of a service is told in the log', async () => {
    const listeners = new Set<string>()
    for (let i = 0; i < 3; i++) listeners.add((await visit(daemon.addressOf('many', i))).listener)
    assert.equal(listeners.size, 3)
  })

  it('the backlog is wide enough for a burst', () => {
    const { port } = daemon.addressOf('four-to-six')
    const listening = socketStates(`sport = :${port}`).filter((socket) => socket.state === 'LISTEN')
    assert.ok(listening.length >= 1)
    // For a listening socket ss shows the backlog as the send queue; Node's own default would be 511.
    for (const socket of listening) assert.ok(socket.sendQueue >= 1024, `backlog ${socket.sendQueue}`)
  })

  it('a burst of 500 clients at once is accepted by all workers together', async () => {
    const clients = await Promise.all(Array.from({ length: 500 }, () => Peer.connect(daemon.addressOf('dual'))))
    await Promise.all(
      clients.map(async (client, i) => {
        await client.write(`number ${i}`)
        await client.receiveText(`number ${i}`)
        client.destroy()
      }),
    )
  })
})
