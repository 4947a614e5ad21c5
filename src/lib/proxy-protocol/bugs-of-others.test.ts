/** One test for each bug that other implementations of the PROXY protocol have had in public: we do not have it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeProxyHeader } from './decode.ts'
import { encodeV2 } from './encode-any.ts'
import {
  addressesText,
  assertHeader,
  assertInvalid,
  concat,
  fromAscii,
  fromHex,
  IPV4_BLOCK,
  rawV2,
} from './raw-header.test.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const PAYLOAD = fromAscii('GET / HTTP/1.1\r\n')
const ADDRESSES = {
  source: { family: 4, address: '192.0.2.1', port: 56324 },
  destination: { family: 4, address: '198.51.100.2', port: 443 },
} as const

describe('bugs of other implementations', () => {
  test('LOCAL: its address block is not believed (sozu 1334, vector 25908)', () => {
    const header = assertHeader(rawV2(0x20, 0x11, IPV4_BLOCK))
    assert.deepEqual([header.command, header.addresses], ['local', undefined])
  })

  test('LOCAL: its bytes do not reach the payload (go-proxyproto 12 and 60, dovecot 125, jetty 4843)', () => {
    for (const length of [0, 1, 3, 12, 36, 84, 216, 300]) {
      const bytes = rawV2(0x20, 0x11, new Uint8Array(length).fill(0x58))
      const { headerBytes } = assertHeader(concat(bytes, PAYLOAD), bytes.length)
      assert.deepEqual(concat(bytes, PAYLOAD).subarray(headerBytes), PAYLOAD)
    }
  })

  test('LOCAL: it is a header like any other, not an error (teleport 22086, tbmq 326, haproxy 511)', () => {
    assert.equal(addressesText(assertHeader(rawV2(0x20, 0x00, new Uint8Array(0)))), 'none')
  })

  test('LOCAL: TLVs may stand where addresses would, and addresses where TLVs would (kubernetes 57250)', () => {
    const tlvsAt16 = fromHex(`${SIGNATURE}2011 0054 030004 bce5951f 04004a ${'00'.repeat(74)}`)
    assert.equal(assertHeader(concat(tlvsAt16, PAYLOAD), 100).tlvs.length, 0)
    assertHeader(rawV2(0x20, 0x11, IPV4_BLOCK))
  })

  test('v1 UNKNOWN with anything behind it is accepted (HAProxy wants CRLF right there)', () => {
    for (const rest of ['', ' ', ' 192.0.2.1 198.51.100.2 1 2', ' what ever']) {
      assert.equal(addressesText(assertHeader(fromAscii(`PROXY UNKNOWN${rest}\r\n`))), 'none')
    }
  })

  test('v2 PROXY with UNSPEC is accepted (HAProxy looks for TLVs in the signature)', () => {
    const header = assertHeader(rawV2(0x21, 0x00, new Uint8Array(0)))
    assert.deepEqual([header.command, header.addresses], ['proxy', undefined])
    assertHeader(rawV2(0x21, 0x00, IPV4_BLOCK))
  })

  test('v1 ports are checked, not cut to 16 bits (HAProxy: 65616 is port 80)', () => {
    assertInvalid(fromAscii('PROXY TCP4 192.0.2.1 198.51.100.2 65616 443\r\n'), 'v1-port')
    assertInvalid(fromAscii('PROXY TCP6 2001:db8::1 2001:db8::2 1 4294967376\r\n'), 'v1-port')
  })

  test('a command other than LOCAL and PROXY is refused (nginx takes it for LOCAL)', () => {
    for (let command = 2; command <= 0xf; command++)
      assertInvalid(rawV2(0x20 | command, 0x11, IPV4_BLOCK), 'v2-command', 13)
  })

  test('v1 addresses are validated, by the family of the line (nginx checks their letters only)', () => {
    for (const address of ['1', '...', '999.999.999.999', '192.0.2.1.5', 'abcd', '2001:db8::1', ':::']) {
      assertInvalid(fromAscii(`PROXY TCP4 ${address} 198.51.100.2 1 2\r\n`), 'v1-address')
    }
    for (const address of ['1', ':::', 'abcd', '192.0.2.1', '1:2:3:4:5:6:7:8:9', '::fffff']) {
      assertInvalid(fromAscii(`PROXY TCP6 ${address} 2001:db8::2 1 2\r\n`), 'v1-address')
    }
  })

  test('v1 UNKNOWN must end as a word (nginx takes UNKNOWNxyz)', () => {
    assertInvalid(fromAscii('PROXY UNKNOWNxyz\r\n'), 'v1-protocol', 14)
  })

  test('CRC32C is verified (nginx, go-proxyproto and all that use it do not)', () => {
    const bytes = encodeV2({ command: 'proxy', addresses: ADDRESSES, crc32c: true })
    assert.equal(assertHeader(bytes).isCrc32cVerified, true)
    assertInvalid(bytes.with(19, 0x63), 'v2-crc32c-wrong')
  })

  test('CRC32C is big-endian both ways (libproxyprotocol uses the order of the host)', () => {
    const hexWith = (crc: string): string => `${SIGNATURE}2111 0040 c0a80a64 c0a80b5a a55c 1f90 030004 ${crc}
      ea0017 01767063652d323364 38657a6a6b3338626368696c6d34 040010 ${'00'.repeat(16)}`
    assert.equal(assertHeader(fromHex(hexWith('f88618e5'))).isCrc32cVerified, true)
    assertInvalid(fromHex(hexWith('e51886f8')), 'v2-crc32c-wrong')
    const ours = encodeV2({ command: 'local', crc32c: true })
    assert.deepEqual(ours.subarray(-4), fromHex('a9b87e8f'))
  })

  test('a TLV length does not wrap at 16 bits (libproxyprotocol: 0xfffd + 3)', () => {
    for (const length of ['fffd', 'fffe', 'ffff', 'fff1', '8000']) {
      assertInvalid(rawV2(0x21, 0x11, concat(IPV4_BLOCK, fromHex(`01${length}00`))), 'v2-tlv-length', 31)
    }
  })

  test('an undefined transport is refused, not a header without addresses (go-proxyproto 0x13, caddy-proxyprotocol 8)', () => {
    assertInvalid(rawV2(0x21, 0x13, IPV4_BLOCK), 'v2-family', 14)
    assertInvalid(rawV2(0x21, 0x12, new Uint8Array(0)), 'v2-address-length', 16)
  })

  test('a header may come in any number of reads (nginx 1400, mosquitto 3701, lavinmq 2082, MDEV-39463)', () => {
    const headers = [
      fromAscii('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n'),
      encodeV2({ command: 'proxy', addresses: ADDRESSES, crc32c: true }),
      encodeV2({ command: 'local', crc32c: true }),
    ]
    for (const header of headers) {
      for (let end = 0; end < header.length; end++) assert.equal(decodeProxyHeader(header, 0, end).kind, 'need-more')
      assert.equal(decodeProxyHeader(header, 0, header.length).kind, 'header')
    }
  })

  test('first bytes like a signature are told apart at the first that differs (Envoy 18951)', () => {
    assertInvalid(fromAscii('PR\r\n'), 'not-a-header', 3)
    assertInvalid(fromAscii('\r\nOX'), 'not-a-header', 3)
    assertInvalid(fromAscii('PROXX'), 'not-a-header', 5)
    assertInvalid(fromAscii('\r\n\r\n\r\n'), 'not-a-header', 5)
  })

  test('TLVs are part of the header, read and written (proxy-protocol-js leaves them in the payload)', () => {
    const tlvs = [{ type: 0x02, value: fromAscii('example.org') }]
    const bytes = encodeV2({ command: 'proxy', addresses: ADDRESSES, tlvs })
    const header = assertHeader(concat(bytes, PAYLOAD), 16 + 12 + 14)
    assert.deepEqual(header.tlvs, tlvs)
  })

  test('duplicate TLV types are kept (Envoy 42075)', () => {
    const tlvs = ['a', 'b', 'a'].map((text) => ({ type: 0xe4, value: fromAscii(text) }))
    assert.deepEqual(assertHeader(encodeV2({ command: 'proxy', addresses: ADDRESSES, tlvs })).tlvs, tlvs)
  })

  test('a header is whole without a byte of payload (server-first protocols behind AWS)', () => {
    assertHeader(fromAscii('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n'))
    assertHeader(encodeV2({ command: 'proxy', addresses: ADDRESSES, crc32c: true }))
  })
})
