/** Real balancers in front of Tidegate send PROXY headers: HAProxy (v1, v2, v2 with CRC32C and UNIQUE_ID) and nginx stream (v1). */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Address } from '../harness/address.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { enterOwnNetwork } from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'
import { readHeader } from '../harness/proxy-header.ts'
import { freeAddress, missingTool, nginxStreamModule, RealPeer } from '../harness/real-peer.ts'
import { wholeStream } from '../harness/test-stream.ts'
import { echo, Upstream } from '../harness/upstream.ts'

enterOwnNetwork()

const skipNginx = missingTool('nginx') || (nginxStreamModule() === undefined && 'nginx has no stream module here')

forEachEngine((engine) => {
  let echoing: Upstream
  let reading: Upstream
  let daemon: Daemon

  before(async () => {
    echoing = await Upstream.listen({ onConnection: echo })
    reading = await Upstream.listen()
    daemon = await Daemon.start({
      engine,
      services: [
        { name: 'raw', upstreams: [echoing.address.text], acceptProxyFrom: ['127.0.0.0/8'] },
        {
          name: 'chain',
          mode: 'proxy-v2',
          upstreams: [reading.address.text],
          acceptProxyFrom: ['127.0.0.0/8', '::1/128'],
        },
      ],
    })
  })
  after(async () => {
    echoing.close()
    reading.close()
    await daemon.stop()
  })

  /** Through `front` and us: what the client sends comes back, and our log names the client, not the balancer. */
  async function assertKnown(front: Address): Promise<void> {
    const bytes = wholeStream(6, 300_000)
    const client = await Peer.connect(front)
    client.socket.end(bytes)
    const seen = await client.receiveAll()
    assert.ok(seen.bytes.equals(bytes), `${seen.bytes.length} of ${bytes.length} bytes came back`)
    const line = await daemon.lineOf(client.localText)
    assert.equal(line.bytesToUpstream, bytes.length)
  }

  /** The header that our upstream gets names the client and where it came to: the balancer's address. */
  async function assertChained(front: Address): Promise<void> {
    const before = reading.connections.length
    const client = await Peer.connect(front)
    await client.write('hello')
    // Among all that are new, as the balancer may still be busy with those that looked whether it listens. One of before may
    // have had the same port towards another front.
    const header = await waitFor(`a header that names ${client.localText}`, () => {
      const headers = reading.connections.slice(before).map((server) => readHeader(server.received))
      return headers.find((one) => one?.source === client.localText)
    })
    assert.equal(header.destination, front.text)
    client.destroy()
  }

  describe('HAProxy in front of us', { skip: missingTool('haproxy') }, () => {
    const fronts = new Map<string, Address>()
    let haproxy: RealPeer

    before(async () => {
      const sections: string[] = []
      for (const [name, options] of [
        ['send-proxy', 'send-proxy'],
        ['send-proxy-v2', 'send-proxy-v2'],
        ['send-proxy-v2 crc32c,unique-id', 'send-proxy-v2 proxy-v2-options crc32c,unique-id'],
      ]) {
        for (const service of ['raw', 'chain']) {
          const front = await freeAddress()
          fronts.set(`${name} ${service}`, front)
          const id = `s${fronts.size}`
          sections.push(
            `frontend f${id}\n mode tcp\n bind ${front.text}\n unique-id-format %rt-%pid\n default_backend b${id}`,
          )
          sections.push(`backend b${id}\n mode tcp\n server one ${daemon.addressOf(service).text} ${options}`)
        }
      }
      haproxy = await RealPeer.haproxy(sections.join('\n'), [])
      for (const front of fronts.values()) {
        await waitFor(`HAProxy on ${front.text}`, async () => {
          const probe = await Peer.connect(front).catch(() => undefined)
          probe?.destroy()
          return probe !== undefined
        })
      }
    })
    after(() => haproxy?.stop())

    for (const name of ['send-proxy', 'send-proxy-v2', 'send-proxy-v2 crc32c,unique-id']) {
      it(`${name}: the client is known`, () => assertKnown(fronts.get(`${name} raw`) as Address))
      it(`${name}: the client is passed on`, () => assertChained(fronts.get(`${name} chain`) as Address))
    }
  })

  describe('HAProxy checks us', { skip: missingTool('haproxy') }, () => {
    it('a health check of a balancer in front (LOCAL, no bytes) finds us up', async () => {
      const stats = await freeAddress()
      const config = `backend b\n mode tcp\n server one ${daemon.addressOf('raw').text} send-proxy-v2 check check-send-proxy inter 50ms rise 1
frontend s\n mode http\n bind ${stats.text}\n http-request return status 200 content-type text/plain lf-string "%[srv_is_up(b/one)] %[nbsrv(b)]"`
      const haproxy = await RealPeer.haproxy(config, [stats])
      const before = (await daemon.metrics()).sum('tidegate_connections_total', { service: 'raw' })
      await waitFor('several checks', async () => {
        return (await daemon.metrics()).sum('tidegate_connections_total', { service: 'raw' }) >= before + 5
      })
      const client = await Peer.connect(stats)
      await client.write('GET / HTTP/1.0\r\n\r\n')
      assert.match((await client.receiveAll()).bytes.toString(), /1 1$/)
      client.destroy()
      await haproxy.stop()
      const invalid = daemon.connectionLines.filter((line) => line.reason === 'proxy-header-invalid')
      assert.deepEqual(invalid, [])
    })
  })

  describe('nginx stream in front of us', { skip: skipNginx }, () => {
    const fronts = new Map<string, Address>()
    let nginx: RealPeer

    before(async () => {
      const servers: string[] = []
      for (const service of ['raw', 'chain']) {
        const front = await freeAddress()
        fronts.set(service, front)
        servers.push(
          `server { listen ${front.text}; proxy_pass ${daemon.addressOf(service).text}; proxy_protocol on; proxy_half_close on; }`,
        )
      }
      nginx = await RealPeer.nginx(`stream { ${servers.join('\n')} }`, [...fronts.values()])
    })
    after(() => nginx?.stop())

    it('proxy_protocol on: the client is known', () => assertKnown(fronts.get('raw') as Address))
    it('proxy_protocol on: the client is passed on', () => assertChained(fronts.get('chain') as Address))
  })
})
