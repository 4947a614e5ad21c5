/** Protocols where the server speaks first (SMTP, SSH, MySQL): the greeting comes without a byte from the client. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { readHeader } from '../harness/proxy-header.ts'
import { Upstream } from '../harness/upstream.ts'

const GREETING = '220 mail.example ESMTP\r\n'

forEachEngine((engine) => {
  let daemon: Daemon
  let upstream: Upstream

  before(async () => {
    upstream = await Upstream.listen()
    const upstreams = [upstream.address.text]
    const services = (['raw', 'proxy-v1', 'proxy-v2'] as const).map((mode) => ({ name: mode, mode, upstreams }))
    daemon = await Daemon.start({ engine, services })
  })
  after(async () => {
    upstream.close()
    await daemon.stop()
  })

  it('raw: the greeting reaches a silent client, and nothing reaches the upstream', async () => {
    const client = await Peer.connect(daemon.addressOf('raw'))
    const server = await upstream.next()
    await server.write(GREETING)
    await client.receiveText(GREETING)
    assert.equal(server.bytesReceived, 0)
    await client.write('EHLO me\r\n')
    await server.receiveText('EHLO me\r\n')
    client.destroy()
  })

  for (const mode of ['proxy-v1', 'proxy-v2'] as const) {
    it(`${mode}: the header is there before the greeting and before any byte of the client`, async () => {
      const client = await Peer.connect(daemon.addressOf(mode))
      const server = await upstream.next()
      // The client stays silent: an upstream that waits for the header must get it all the same.
      const header = await waitFor('the whole header', () => readHeader(server.received))
      assert.equal(header.source, client.localText)
      assert.equal(server.bytesReceived, header.length)
      await server.write(GREETING)
      await client.receiveText(GREETING)
      await client.write('EHLO me\r\n')
      const all = await server.receive(header.length + 9)
      assert.equal(all.subarray(header.length).toString(), 'EHLO me\r\n')
      client.finish()
      server.finish()
      const line = await daemon.lineOf(client)
      assert.equal(line.bytesToClient, GREETING.length)
      assert.equal(line.bytesToUpstream, 9, "the header is ours, not the client's")
    })
  }

  for (const mode of ['raw', 'proxy-v1', 'proxy-v2'] as const) {
    it(`${mode}: a greeting that is there before the header is sent does not disturb`, async () => {
      const client = await Peer.connect(daemon.addressOf(mode))
      const server = await upstream.next()
      server.socket.write(GREETING)
      server.finish()
      const seen = await client.receiveAll()
      assert.equal(seen.bytes.toString(), GREETING)
      assert.equal(seen.ending, 'fin')
      client.socket.end('QUIT\r\n')
      const { bytes } = await server.receiveAll()
      const skip = mode === 'raw' ? 0 : (readHeader(bytes)?.length ?? -1)
      assert.equal(bytes.subarray(skip).toString(), 'QUIT\r\n')
    })
  }
})
