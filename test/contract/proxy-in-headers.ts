/**
 * PROXY headers that must be accepted and headers that must be refused. Names in brackets are the public bugs that a
 * test shows we don't have.
 */
import { buildV2, TLV_NOOP, v6Addresses } from '../harness/proxy-header.ts'

export const SOURCE = '203.0.113.9:40001'
export const V1 = Buffer.from('PROXY TCP4 203.0.113.9 198.51.100.7 40001 443\r\n')
export const V2 = buildV2({ crc: true, tlvs: [{ type: 0xee, value: Buffer.from('link') }] })
export const SIX = { source: '20010db8000000000000000000000001', destination: '20010db8000000000000000000000002' }

export interface Accepted {
  readonly name: string
  readonly header: Buffer
  /** Absent: the address of the connection itself counts. */
  readonly client?: string
}

const V1_UNKNOWN_LONGEST = 'PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n'.replaceAll(
  'f...f',
  'ffff:ffff:ffff:ffff:ffff:ffff',
)

export const ACCEPTED: readonly Accepted[] = [
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

export const INVALID: readonly (readonly [string, Buffer])[] = [
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
