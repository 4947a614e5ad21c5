/** Connecting from several local addresses, and what happens when no port is left. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { enterOwnNetwork, setSysctl } from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'
import { Upstream } from '../harness/upstream.ts'
import { differs } from './differences.ts'

const skip = enterOwnNetwork() ?? false

forEachEngine((engine) => {
  describe('source addresses', { skip }, () => {
    const open: { stop(): void | Promise<void> }[] = []
    let clientPort = 20_000

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
      setSysctl('net.ipv4.ip_local_port_range', '32768 60999')
    })

    async function start(services: readonly TestService[]): Promise<Daemon> {
      const daemon = await Daemon.start({ engine, services })
      open.push(daemon)
      return daemon
    }

    async function upstreamAt(host?: string): Promise<Upstream> {
      const upstream = await Upstream.listen(host === undefined ? {} : { host })
      open.push({ stop: () => upstream.close() })
      return upstream
    }

    /** From a port outside the range that is made scarce. */
    function connect(daemon: Daemon, service?: string): Promise<Peer> {
      return Peer.connect(daemon.addressOf(service), { localPort: clientPort++ })
    }

    it('are used in turn', async () => {
      const upstream = await upstreamAt()
      const sourceAddresses = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
      const daemon = await start([{ upstreams: [upstream.address.text], sourceAddresses }])
      const counts = new Map<string, number>()
      for (let i = 0; i < 60; i++) {
        const client = await connect(daemon)
        const from = (await upstream.next()).socket.remoteAddress ?? '?'
        counts.set(from, (counts.get(from) ?? 0) + 1)
        client.destroy()
      }
      assert.deepEqual([...counts.keys()].sort(), sourceAddresses)
      // Each worker takes its turns by itself: the counts may differ by a turn for each.
      for (const [from, count] of counts) assert.ok(count >= 17 && count <= 23, `${from} was used ${count} times of 60`)
    })

    it('that are not on this machine end in no-source-port', async () => {
      const upstream = await upstreamAt()
      const daemon = await start([{ upstreams: [upstream.address.text], sourceAddresses: ['192.0.2.77'] }])
      const client = await connect(daemon)
      assert.equal((await client.receiveAll()).ending, 'reset')
      const line = await daemon.lineOf(client)
      assert.equal(line.reason, 'no-source-port')
      assert.match(JSON.stringify(line.attemptErrors), /EADDRNOTAVAIL/)
      assert.equal(upstream.connections.length, 0)
    })

    it('that have no port left end in no-source-port, and go on when one is free again', async () => {
      const upstream = await upstreamAt()
      const daemon = await start([{ upstreams: [upstream.address.text], sourceAddresses: ['127.0.0.2'] }])
      setSysctl('net.ipv4.ip_local_port_range', '40000 40003')
      const held: Peer[] = []
      for (let i = 0; i < 4; i++) {
        held.push(await connect(daemon))
        await upstream.next()
      }
      const fifth = await connect(daemon)
      assert.equal((await fifth.receiveAll()).ending, 'reset')
      assert.equal((await daemon.lineOf(fifth)).reason, 'no-source-port')
      // Reset from the client's side: no TIME-WAIT keeps the port.
      held[0].reset()
      assert.equal((await daemon.lineOf(held[0])).reason, 'client-reset')
      await waitFor('a connection that finds the free port', async () => {
        const client = await connect(daemon)
        await client.write('hello')
        const ending = await Promise.race([client.ending, upstream.next().then((server) => server.receive(5))])
        client.destroy()
        return Buffer.isBuffer(ending)
      })
    })

    it('two addresses have twice the ports', async () => {
      const upstream = await upstreamAt()
      const sourceAddresses = ['127.0.0.2', '127.0.0.3']
      const daemon = await Daemon.start({
        engine,
        traffic: { workers: 1 },
        services: [{ upstreams: [upstream.address.text], sourceAddresses }],
      })
      open.push(daemon)
      setSysctl('net.ipv4.ip_local_port_range', '40000 40003')
      for (let i = 0; i < 8; i++) {
        const client = await connect(daemon)
        await client.write('hello')
        await (await upstream.next()).receive(5)
      }
    })

    it('give the same port to several upstreams at once', { skip: differs('source-port-reuse', engine) }, async () => {
      const upstreams = [await upstreamAt('127.0.1.1'), await upstreamAt('127.0.1.2'), await upstreamAt('127.0.1.3')]
      const services = upstreams.map((upstream, i) => ({
        name: `to-${i}`,
        upstreams: [upstream.address.text],
        sourceAddresses: ['127.0.0.2'],
      }))
      const daemon = await start(services)
      setSysctl('net.ipv4.ip_local_port_range', '40000 40003')
      for (const [i, upstream] of upstreams.entries()) {
        for (let n = 0; n < 4; n++) {
          await connect(daemon, `to-${i}`)
          await upstream.next()
        }
      }
    })

    it('no port left without sourceAddresses is said in the same word', async () => {
      const upstream = await upstreamAt()
      const daemon = await start([{ upstreams: [upstream.address.text] }])
      setSysctl('net.ipv4.ip_local_port_range', '40000 40003')
      for (let i = 0; i < 4; i++) {
        await connect(daemon)
        await upstream.next()
      }
      const fifth = await connect(daemon)
      assert.equal((await fifth.receiveAll()).ending, 'reset')
      assert.equal((await daemon.lineOf(fifth)).reason, 'no-source-port')
    })

    it('of both families: each upstream is reached from an address of its own', async () => {
      const [v4, v6] = [await upstreamAt('127.0.0.1'), await upstreamAt('::1')]
      const sourceAddresses = ['127.0.0.2', '::1']
      const daemon = await start([
        { name: 'four', upstreams: [v4.address.text], sourceAddresses },
        { name: 'six', upstreams: [v6.address.text], sourceAddresses },
      ])
      for (let i = 0; i < 4; i++) {
        await connect(daemon, 'four')
        assert.equal((await v4.next()).socket.remoteAddress, '127.0.0.2')
        await connect(daemon, 'six')
        assert.equal((await v6.next()).socket.remoteAddress, '::1')
      }
    })
  })
})
