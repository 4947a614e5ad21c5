/** Real servers behind Tidegate read the PROXY headers it sends: nginx (v1, v2) and HAProxy (v1, v2 with CRC32C and UNIQUE_ID). */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Address } from '../harness/address.ts'
import { Daemon } from '../harness/daemon.ts'
import { forEachEngine } from '../harness/engines.ts'
import { enterOwnNetwork } from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'
import { freeAddress, missingTool, RealPeer } from '../harness/real-peer.ts'

enterOwnNetwork()

/** One HTTP/1.0 request; the lines of the answer's body, and the client that asked. */
async function ask(at: Address): Promise<{ client: Peer; lines: string[] }> {
  const client = await Peer.connect(at)
  await client.write('GET / HTTP/1.0\r\nHost: test\r\n\r\n')
  const { bytes } = await client.receiveAll()
  const [head, body] = bytes.toString().split('\r\n\r\n')
  assert.match(head, /^HTTP\/1\.\d 200/, bytes.toString())
  client.finish()
  return { client, lines: body.trim().split('\n') }
}

describe('nginx behind us', { skip: missingTool('nginx') }, () => {
  let nginx: RealPeer
  let four: Address
  let six: Address

  before(async () => {
    four = await freeAddress()
    six = await freeAddress('::1')
    nginx = await RealPeer.nginx(
      `http { @TEMP@ access_log off;
        server {
          listen ${four.text} proxy_protocol; listen ${six.text} proxy_protocol;
          location / { return 200 "$proxy_protocol_addr\\n$proxy_protocol_port\\n$proxy_protocol_server_addr\\n$proxy_protocol_server_port\\n"; }
        } }`,
      [four, six],
    )
  })
  after(() => nginx?.stop())

  forEachEngine((engine) => {
    let daemon: Daemon

    before(async () => {
      daemon = await Daemon.start({
        engine,
        services: (['proxy-v1', 'proxy-v2'] as const).flatMap((mode) => [
          { name: mode, mode, upstreams: [four.text] },
          { name: `${mode}-six`, mode, listen: ['[::1]:0'], upstreams: [six.text] },
        ]),
      })
    })
    after(() => daemon.stop())

    for (const mode of ['proxy-v1', 'proxy-v2']) {
      it(`${mode}: nginx knows the client and where it came to`, async () => {
        const at = daemon.addressOf(mode)
        const { client, lines } = await ask(at)
        assert.deepEqual(lines, ['127.0.0.1', `${client.localPort}`, '127.0.0.1', `${at.port}`])
      })

      it(`${mode}: nginx knows an IPv6 client`, async () => {
        const at = daemon.addressOf(`${mode}-six`)
        const { client, lines } = await ask(at)
        assert.deepEqual(lines, ['::1', `${client.localPort}`, '::1', `${at.port}`])
      })
    }
  })
})

describe('HAProxy behind us', { skip: missingTool('haproxy') }, () => {
  let haproxy: RealPeer
  let at: Address

  before(async () => {
    at = await freeAddress()
    haproxy = await RealPeer.haproxy(
      `frontend in
 mode http
 bind ${at.text} accept-proxy
 http-request return status 200 content-type text/plain lf-string "%[src]\\n%[src_port]\\n%[dst]\\n%[dst_port]\\n%[fc_pp_unique_id]\\n"`,
      [at],
    )
  })
  after(() => haproxy?.stop())

  forEachEngine((engine) => {
    let daemon: Daemon

    before(async () => {
      daemon = await Daemon.start({
        engine,
        services: [
          { name: 'proxy-v1', mode: 'proxy-v1', upstreams: [at.text] },
          { name: 'proxy-v2', mode: 'proxy-v2', upstreams: [at.text], proxyHeader: { crc32c: true, uniqueId: true } },
          { name: 'plain-v2', mode: 'proxy-v2', upstreams: [at.text], proxyHeader: { crc32c: false, uniqueId: false } },
          { name: 'six', mode: 'proxy-v2', listen: ['[::1]:0'], upstreams: [at.text] },
          { name: 'dual', mode: 'proxy-v2', listen: ['*:0'], upstreams: [at.text] },
        ],
      })
    })
    after(() => daemon.stop())

    for (const service of ['proxy-v1', 'proxy-v2', 'plain-v2']) {
      it(`${service}: HAProxy knows the client, where it came to, and the id in our log`, async () => {
        const to = daemon.addressOf(service)
        const { client, lines } = await ask(to)
        const { id } = await daemon.lineOf(client)
        const seenId = service === 'proxy-v2' ? [id] : []
        assert.deepEqual(lines, ['127.0.0.1', `${client.localPort}`, '127.0.0.1', `${to.port}`, ...seenId])
      })
    }

    it('HAProxy knows an IPv6 client', async () => {
      const to = daemon.addressOf('six')
      const { client, lines } = await ask(to)
      assert.deepEqual(lines.slice(0, 4), ['::1', `${client.localPort}`, '::1', `${to.port}`])
    })

    it('HAProxy sees an IPv4 client of a dual-stack listener as IPv4', async () => {
      const { port } = daemon.addressOf('dual')
      const { client, lines } = await ask({ host: '127.0.0.1', port, text: `127.0.0.1:${port}` })
      assert.deepEqual(lines.slice(0, 4), ['127.0.0.1', `${client.localPort}`, '127.0.0.1', `${port}`])
    })
  })
})
