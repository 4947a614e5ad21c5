/**
 * A connect to a port of our own machine on which nobody listens may be given that very port as its source: TCP then
 * connects it to itself [RFC 9293 3.5, simultaneous open]. The client would hear its own echo, and the port would be
 * taken when the upstream comes back.
 */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { Daemon } from '../harness/daemon.ts'
import { forEachEngine } from '../harness/engines.ts'
import { enterOwnNetwork, setSysctl } from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'
import { Upstream } from '../harness/upstream.ts'

const skip = enterOwnNetwork() ?? false
const CONNECTS = 60
/** Few ports to choose from, so that chance comes round soon; on a whole range it takes some 14,000 refused connects. */
const PORTS = '40000 40007'

forEachEngine((engine) => {
  describe('an upstream on this machine that is down', { skip }, () => {
    let daemon: Daemon
    let clientPort = 20_000

    afterEach(async () => {
      await daemon.stop()
      setSysctl('net.ipv4.ip_local_port_range', '32768 60999')
    })

    it('is never mistaken for running, and finds its port free when it comes back', async () => {
      daemon = await Daemon.start({
        engine,
        services: [{ upstreams: ['127.0.0.1:40000'], retryFailedAfter: '0s', idleTimeout: '300ms' }],
      })
      setSysctl('net.ipv4.ip_local_port_range', PORTS)
      for (let i = 0; i < CONNECTS; i++) {
        const client = await Peer.connect(daemon.addressOf(), { localPort: clientPort++ })
        client.socket.write('is anybody there?', () => {})
        const { bytes } = await client.receiveAll()
        assert.equal(bytes.toString(), '', `client ${i} heard itself`)
        assert.equal((await daemon.lineOf(client)).reason, 'upstream-unreachable')
      }
      const upstream = await Upstream.listen({ port: 40_000 })
      const client = await Peer.connect(daemon.addressOf(), { localPort: clientPort++ })
      await (await upstream.next()).write('I am')
      await client.receiveText('I am')
      client.destroy()
      upstream.close()
    })
  })
})
