/**
 * PROXY headers from balancers in front of us: required from the listed networks, verified, believed; never looked for
 * from others; nothing is guessed.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, it } from 'node:test'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { buildV2, readHeader, TLV_NOOP, V2_SIGNATURE, v4Addresses, v6Addresses } from '../harness/proxy-header.ts'
import { Random } from '../harness/random.ts'
import { Upstream } from '../harness/upstream.ts'
import { ACCEPTED, INVALID, SIX, SOURCE, V1, V2 } from './proxy-in-headers.ts'

const PAYLOAD = 'the first bytes of the client'

forEachEngine((engine) => {
  let upstream: Upstream
  let greeting: Upstream
  let daemon: Daemon

  before(async () => {
    upstream = await Upstream.listen()
    greeting = await Upstream.listen({ onConnection: (peer) => peer.socket.write('220 hello\r\n') })
    const upstreams = [upstream.address.text]
    daemon = await Daemon.start({
      engine,
      services: [
        { name: 'all', upstreams, acceptProxyFrom: ['127.0.0.0/8', '::1/128'], listen: ['127.0.0.1:0', '[::1]:0'] },
        { name: 'some', upstreams, acceptProxyFrom: ['127.0.0.2/32', '127.0.16.0/20'] },
        { name: 'dual', upstreams, acceptProxyFrom: ['127.0.0.0/8'], listen: ['*:0'] },
        { name: 'to-v1', mode: 'proxy-v1', upstreams, acceptProxyFrom: ['127.0.0.0/8'] },
        { name: 'to-v2', mode: 'proxy-v2', upstreams, acceptProxyFrom: ['127.0.0.0/8'] },
        { name: 'greeting', upstreams: [greeting.address.text], acceptProxyFrom: ['127.0.0.0/8'] },
      ],
    })
  })
  beforeEach(() => upstream.forget())
  after(async () => {
    upstream.close()
    greeting.close()
    await daemon.stop()
  })

  /** The client sends these pieces one after the other, then finishes; the upstream must get the payload and no more. */
  async function assertAccepted(pieces: readonly Buffer[], client: string | undefined, service = 'all'): Promise<void> {
    const peer = await Peer.connect(daemon.addressOf(service))
    for (const piece of pieces) {
      await peer.write(piece)
      await turn()
    }
    peer.finish()
    const server = await upstream.next()
    const { bytes, ending } = await server.receiveAll()
    assert.equal(bytes.toString(), PAYLOAD)
    assert.equal(ending, 'fin')
    server.finish()
    assert.equal((await peer.receiveAll()).ending, 'fin')
    const line = await daemon.lineOf(client ?? peer.localText)
    assert.equal(line.bytesToUpstream, PAYLOAD.length, 'the header is not part of what the client sent')
    peer.destroy()
  }

  for (const { name, header, client } of ACCEPTED) {
    it(`accepts ${name}`, () => assertAccepted([Buffer.concat([header, Buffer.from(PAYLOAD)])], client))
  }

  it('accepts every header in single bytes [nginx#1400, mosquitto#3701, lavinmq#2082]', async () => {
    for (const { header, client } of ACCEPTED.filter((one) => one.header.length <= 107)) {
      const whole = Buffer.concat([header, Buffer.from(PAYLOAD)])
      await assertAccepted(
        Array.from(whole, (byte) => Buffer.from([byte])),
        client,
      )
    }
  })

  for (const [name, header] of [
    ['v1', V1],
    ['v2', V2],
  ] as const) {
    it(`accepts ${name} cut in two at every place`, async () => {
      const whole = Buffer.concat([header, Buffer.from(PAYLOAD)])
      for (let cut = 1; cut <= header.length; cut++)
        await assertAccepted([whole.subarray(0, cut), whole.subarray(cut)], SOURCE)
    })
  }

  it('accepts a header of 4096 bytes in random pieces', async () => {
    const header = buildV2({ tlvs: [{ type: TLV_NOOP, value: Buffer.alloc(4096 - 16 - 12 - 3) }] })
    const whole = Buffer.concat([header, Buffer.from(PAYLOAD)])
    for (let seed = 1; seed <= 5; seed++) {
      const random = new Random(seed)
      const pieces: Buffer[] = []
      for (let at = 0; at < whole.length; at += pieces.at(-1)?.length ?? 0)
        pieces.push(whole.subarray(at, at + 1 + random.integer(900)))
      await assertAccepted(pieces, SOURCE)
    }
  })

  it('accepts a header over IPv6', async () => {
    const peer = await Peer.connect(daemon.addressOf('all', 1))
    await peer.write(V1)
    peer.finish()
    const server = await upstream.next()
    assert.equal((await server.receiveAll()).bytes.length, 0)
    server.finish()
    await daemon.lineOf(SOURCE)
    peer.destroy()
  })

  it('knows an IPv4 balancer that comes through a dual-stack listener', () =>
    assertAccepted([V1, Buffer.from(PAYLOAD)], SOURCE, 'dual'))

  for (const [name, bytes] of INVALID) {
    it(`refuses ${name}`, async () => {
      const peer = await Peer.connect(daemon.addressOf('all'))
      await peer.write(Buffer.concat([bytes, Buffer.from(PAYLOAD)]))
      assert.equal((await peer.receiveAll()).ending, 'reset')
      const line = await daemon.lineOf(peer)
      assert.equal(line.reason, 'proxy-header-invalid')
      assert.equal(line.upstream, null)
      assert.equal(line.attempts, 0)
      assert.equal(upstream.connections.length, 0)
    })
  }

  it('refuses what can not become a header before it is complete', async () => {
    const peer = await Peer.connect(daemon.addressOf('all'))
    await peer.write('SSH-2.0')
    assert.equal((await peer.receiveAll()).ending, 'reset')
    assert.equal((await daemon.lineOf(peer)).reason, 'proxy-header-invalid')
  })

  it('a header that is not complete after 5 s ends the connection, however slowly it grows', async () => {
    const silent = await Peer.connect(daemon.addressOf('all'))
    const half = await Peer.connect(daemon.addressOf('all'))
    await half.write(V1.subarray(0, 10))
    const trickle = await Peer.connect(daemon.addressOf('all'))
    const header = buildV2({ tlvs: [{ type: TLV_NOOP, value: Buffer.alloc(200) }] })
    for (let at = 0; at < header.length && trickle.endingNow === undefined; at++) {
      await trickle.write(header.subarray(at, at + 1)).catch(() => undefined)
      await Promise.race([sleep(200), trickle.ending])
    }
    for (const peer of [silent, half, trickle]) {
      assert.equal((await peer.receiveAll()).ending, 'reset')
      const line = await daemon.lineOf(peer)
      assert.equal(line.reason, 'proxy-header-timeout')
      assert.ok(line.durationMs >= 4900, `ended after ${line.durationMs} ms`)
    }
    assert.equal(upstream.connections.length, 0)
  })

  it('a balancer that leaves in the middle of a header leaves nothing behind', async () => {
    const socketsAtStart = daemon.socketCount()
    for (const end of ['finish', 'reset'] as const) {
      const peer = await Peer.connect(daemon.addressOf('all'))
      await peer.write(V1.subarray(0, 20))
      // Accepted before it leaves: an address can only be told of a socket that still has one.
      await daemon.waitForSocketCount(socketsAtStart + 1)
      peer[end]()
      const line = await daemon.lineOf(peer)
      assert.match(line.reason, /^(client-left|proxy-header-invalid)$/)
      peer.destroy()
      await daemon.waitForSocketCount(socketsAtStart)
    }
    assert.equal(upstream.connections.length, 0)
  })

  it('from other networks a header is never looked for: it is the stream', async () => {
    for (const bytes of [V1, V2, V2_SIGNATURE.subarray(0, 5), Buffer.from('P'), Buffer.from('\r')]) {
      const peer = await Peer.connect(daemon.addressOf('some'))
      await peer.write(bytes)
      const server = await upstream.next()
      // Nothing waits for more: what looks like the beginning of a header goes through at once.
      assert.deepEqual(await server.receive(bytes.length), bytes)
      peer.finish()
      server.finish()
      assert.equal((await daemon.lineOf(peer)).client, peer.localText)
    }
  })

  it('from listed networks it is required, to the last bit of the prefix', async () => {
    for (const [localAddress, required] of [
      ['127.0.0.2', true],
      ['127.0.0.3', false],
      ['127.0.16.0', true],
      ['127.0.31.255', true],
      ['127.0.32.0', false],
      ['127.0.15.255', false],
    ] as const) {
      const peer = await Peer.connect(daemon.addressOf('some'), { localAddress })
      await peer.write('hello')
      if (required) {
        assert.equal((await peer.receiveAll()).ending, 'reset', localAddress)
        assert.equal((await daemon.lineOf(peer)).reason, 'proxy-header-invalid')
      } else {
        await (await upstream.next()).receiveText('hello')
        peer.destroy()
      }
    }
  })

  it('v1 in becomes v2 out with the same client', async () => {
    const peer = await Peer.connect(daemon.addressOf('to-v2'))
    await peer.write(Buffer.concat([V1, Buffer.from(PAYLOAD)]))
    const server = await upstream.next()
    const header = await waitFor('the header', () => readHeader(server.received))
    assert.equal(header.source, SOURCE)
    assert.equal(header.destination, '198.51.100.7:443')
    const all = await server.receive(header.length + PAYLOAD.length)
    assert.equal(all.subarray(header.length).toString(), PAYLOAD)
    peer.destroy()
  })

  it('v2 over IPv6 in becomes v1 out with the same client', async () => {
    const peer = await Peer.connect(daemon.addressOf('to-v1'))
    const addresses = v6Addresses(SIX.source, 5, SIX.destination, 6)
    await peer.write(buildV2({ familyTransport: 0x21, addresses, crc: true }))
    const server = await upstream.next()
    const line = 'PROXY TCP6 2001:db8::1 2001:db8::2 5 6\r\n'
    assert.equal((await server.receive(line.length)).toString(), line)
    peer.destroy()
  })

  it('two gates in a row keep the client, its bytes and its id apart', async () => {
    const front = await Daemon.start({
      engine,
      services: [{ mode: 'proxy-v2', upstreams: [daemon.addressOf('to-v1').text] }],
    })
    const peer = await Peer.connect(front.addressOf())
    await peer.write(PAYLOAD)
    peer.finish()
    const server = await upstream.next()
    const { bytes, ending } = await server.receiveAll()
    const header = readHeader(bytes)
    assert.equal(header?.source, peer.localText)
    assert.equal(header?.destination, front.addressOf().text)
    assert.equal(bytes.subarray(header?.length).toString(), PAYLOAD)
    assert.equal(ending, 'fin')
    server.finish()
    await peer.receiveAll()
    const [atFront, atBack] = [await front.lineOf(peer), await daemon.lineOf(peer.localText)]
    assert.equal(atBack.client, atFront.client)
    assert.notEqual(atBack.id, atFront.id)
    assert.equal(atBack.bytesToUpstream, PAYLOAD.length)
    await front.stop()
  })

  it('LOCAL in names the real addresses out', async () => {
    const peer = await Peer.connect(daemon.addressOf('to-v2'))
    await peer.write(buildV2({ versionCommand: 0x20, addresses: v4Addresses('203.0.113.66', 1, '203.0.113.67', 2) }))
    const server = await upstream.next()
    const header = await waitFor('the header', () => readHeader(server.received))
    assert.equal(header.source, peer.localText)
    assert.equal(header.destination, daemon.addressOf('to-v2').text)
    peer.destroy()
  })

  it('no upstream is dialled, and no greeting sent, before the header is complete', async () => {
    const peer = await Peer.connect(daemon.addressOf('greeting'))
    await peer.write(V1.subarray(0, -1))
    // A whole connection beside it shows that the daemon has been round its loop since.
    const other = await Peer.connect(daemon.addressOf('greeting'))
    await other.write(V1)
    await other.receiveText('220 hello\r\n')
    assert.equal(greeting.connections.length, 1)
    assert.equal(peer.bytesReceived, 0)
    await peer.write(V1.subarray(-1))
    await peer.receiveText('220 hello\r\n')
    peer.destroy()
    other.destroy()
  })
})
