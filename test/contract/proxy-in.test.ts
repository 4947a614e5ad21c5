/**
 * PROXY headers from balancers in front of us: required from the listed networks, verified, believed; never looked for
 * from others; nothing is guessed. Names in brackets are the public bugs that a test shows we don't have.
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

const SOURCE = '203.0.113.9:40001'
const V1 = Buffer.from('PROXY TCP4 203.0.113.9 198.51.100.7 40001 443\r\n')
const V2 = buildV2({ crc: true, tlvs: [{ type: 0xee, value: Buffer.from('link') }] })
const SIX = { source: '20010db8000000000000000000000001', destination: '20010db8000000000000000000000002' }
const PAYLOAD = 'the first bytes of the client'

interface Accepted {
  readonly name: string
  readonly header: Buffer
  /** Absent: the address of the connection itself counts. */
  readonly client?: string
}

const V1_UNKNOWN_LONGEST = 'PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n'.replaceAll(
  'f...f',
  'ffff:ffff:ffff:ffff:ffff:ffff',
)

const ACCEPTED: readonly Accepted[] = [
  { name: 'v1 TCP4', header: V1, client: SOURCE },
  { name: 'v1 TCP6', header: Buffer.from('PROXY TCP6 2001:db8::1 ::1 65535 65535\r\n'), client: '[2001:db8::1]:65535' },
  { name: 'v1 port 0', header: Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 0 0\r\n'), client: '192.0.2.1:0' },
  { name: 'v1 UNKNOWN', header: Buffer.from('PROXY UNKNOWN\r\n') },
  { name: 'v1 UNKNOWN with anything behind it [haproxy]', header: Buffer.from('PROXY UNKNOWN who knows 99999\r\n') },
  { name: 'v1 UNKNOWN of 107 bytes', header: Buffer.from(V1_UNKNOWN_LONGEST) },
  { name: 'v2 TCP4', header: buildV2(), client: SOURCE },
  { name: 'v2 TCP4 with CRC32C and TLVs', header: V2, client: SOURCE },
  {
    name: 'v2 of the specification, with CRC32C',
    header: Buffer.from('0d0a0d0a000d0a515549540a21110013c0000201c0000202007b162e0300041c2b486c', 'hex'),
    client: '192.0.2.1:123',
  },
  {
    name: 'v2 TCP6',
    header: buildV2({ familyTransport: 0x21, addresses: v6Addresses(SIX.source, 5, SIX.destination, 6), crc: true }),
    client: '[2001:db8::1]:5',
  },
  {
    name: 'v2 TCP6 with a mapped IPv4 address is IPv4',
    header: buildV2({
      familyTransport: 0x21,
      addresses: v6Addresses('00000000000000000000ffffcb007109', 40001, '00000000000000000000ffffc6336407', 443),
    }),
    client: SOURCE,
  },
  {
    name: 'v2 of 4096 bytes',
    header: buildV2({ tlvs: [{ type: TLV_NOOP, value: Buffer.alloc(4096 - 16 - 12 - 3) }] }),
    client: SOURCE,
  },
  {
    name: 'v2 with a TLV type twice [envoy#42075]',
    header: buildV2({
      tlvs: [
        { type: 0xea, value: Buffer.from('a') },
        { type: 0xea, value: Buffer.from('b') },
      ],
    }),
    client: SOURCE,
  },
  { name: 'v2 PROXY UNSPEC [haproxy]', header: buildV2({ familyTransport: 0x00, addresses: Buffer.alloc(0) }) },
  {
    name: 'v2 PROXY UNSPEC with bytes to skip',
    header: buildV2({ familyTransport: 0x00, addresses: Buffer.from('anything at all') }),
  },
  { name: 'v2 LOCAL', header: buildV2({ versionCommand: 0x20, familyTransport: 0x00, addresses: Buffer.alloc(0) }) },
  {
    name: 'v2 LOCAL of the specification, with CRC32C',
    header: Buffer.from('0d0a0d0a000d0a515549540a20000007030004a9b87e8f', 'hex'),
  },
  { name: 'v2 LOCAL with an address block is not believed [sozu#1334]', header: buildV2({ versionCommand: 0x20 }) },
  {
    name: 'v2 LOCAL skips exactly its length [go-proxyproto#12]',
    header: buildV2({ versionCommand: 0x20, rest: Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 1\r\n') }),
  },
  {
    name: 'v2 LOCAL of family TCP4 without addresses, TLVs at once [AWS health check, kubernetes#57250]',
    header: buildV2({
      versionCommand: 0x20,
      addresses: Buffer.alloc(0),
      tlvs: [{ type: 0xea, value: Buffer.from('vpce-0123456789') }],
    }),
  },
]

const v1 = (text: string): Buffer => Buffer.from(text, 'latin1')

const INVALID: readonly (readonly [string, Buffer])[] = [
  ['no header at all', v1('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['v1 with LF only', v1('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n')],
  ['v1 with a bare CR', v1('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rX')],
  ['v1 of 108 bytes without an end', v1(`PROXY UNKNOWN ${'x'.repeat(94)}`)],
  ['v1 without the space', v1('PROXYTCP4 192.0.2.1 192.0.2.2 1 2\r\n')],
  ['v1 with two spaces', v1('PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n')],
  ['v1 with a word behind it', v1('PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n')],
  ['v1 with a space behind it', v1('PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n')],
  ['v1 port +80', v1('PROXY TCP4 192.0.2.1 192.0.2.2 +80 2\r\n')],
  ['v1 port 080', v1('PROXY TCP4 192.0.2.1 192.0.2.2 080 2\r\n')],
  ['v1 port 65536 [haproxy truncates]', v1('PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n')],
  ['v1 port missing', v1('PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n')],
  ['v1 octet 01', v1('PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n')],
  ['v1 octet 256', v1('PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n')],
  ['v1 TCP4 with IPv6 text [nginx]', v1('PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n')],
  ['v1 TCP6 with IPv4 text', v1('PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n')],
  ['v1 with a zone', v1('PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n')],
  ['v1 UDP4', v1('PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n')],
  ['v1 in lower case', v1('proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n')],
  ['v1 UNKNOWNxyz [nginx]', v1('PROXY UNKNOWNxyz\r\n')],
  ['v2 with a wrong signature byte', Buffer.concat([v1('\r\n\r\n\0\r\nQUIX\n'), buildV2().subarray(12)])],
  ['v2 of version 1', buildV2({ versionCommand: 0x11 })],
  ['v2 of version 3', buildV2({ versionCommand: 0x31 })],
  ['v2 command 2 [nginx takes it for LOCAL]', buildV2({ versionCommand: 0x22 })],
  ['v2 command 15', buildV2({ versionCommand: 0x2f })],
  ['v2 transport 3 [go-proxyproto fuzz]', buildV2({ familyTransport: 0x13 })],
  ['v2 family 4', buildV2({ familyTransport: 0x41 })],
  ['v2 TCP4 without room for addresses [caddy-proxyprotocol#8]', buildV2({ addresses: Buffer.alloc(0) })],
  ['v2 TCP4 with 11 bytes', buildV2({ addresses: Buffer.alloc(11) })],
  ['v2 TCP6 with the addresses of TCP4', buildV2({ familyTransport: 0x21 })],
  ['v2 with a wrong CRC32C [nginx never checks]', flipped(buildV2({ crc: true }), 33)],
  ['v2 whose addresses do not fit the CRC32C', flipped(buildV2({ crc: true }), 17)],
  [
    'v2 CRC32C in host byte order [libproxyprotocol]',
    Buffer.from('0d0a0d0a000d0a515549540a21110013c0000201c0000202007b162e0300046c482b1c', 'hex'),
  ],
  ['v2 CRC32C of 3 bytes', buildV2({ tlvs: [{ type: 0x03, value: Buffer.alloc(3) }] })],
  [
    'v2 with two bytes behind the last TLV',
    buildV2({ tlvs: [{ type: 0xea, value: Buffer.from('a') }], rest: Buffer.alloc(2) }),
  ],
  ['v2 with a TLV longer than the header', buildV2({ rest: Buffer.from('ea00ff61', 'hex') })],
  ['v2 TLV length 0xfffd [libproxyprotocol overflow]', buildV2({ rest: Buffer.from('eafffd', 'hex') })],
  ['v2 of 4097 bytes', buildV2({ tlvs: [{ type: TLV_NOOP, value: Buffer.alloc(4097 - 16 - 12 - 3) }] })],
  ['v2 that says 65535 bytes', buildV2({ length: 65535 })],
]

function flipped(bytes: Buffer, at: number): Buffer {
  bytes[at] ^= 1
  return bytes
}

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
