import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { endpointOf, UNKNOWN_ENDPOINT } from './endpoint.ts'

describe('endpointOf', () => {
  it('gives IPv4 and IPv6 as bytes', () => {
    assert.deepEqual(endpointOf('192.0.2.1', 80), { family: 4, address: Uint8Array.of(192, 0, 2, 1), port: 80 })
    const { family, address } = endpointOf('2001:db8::1', 80)
    assert.equal(family, 6)
    assert.deepEqual([...address], [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 1])
  })

  it('makes IPv4 of what a dual-stack listener says', () => {
    assert.deepEqual(endpointOf('::ffff:192.0.2.1', 80), { family: 4, address: Uint8Array.of(192, 0, 2, 1), port: 80 })
  })

  it('leaves the zone out', () => {
    assert.equal(endpointOf('fe80::1%eth0', 80).address[15], 1)
  })

  it('knows nobody where the socket has no other end any more', () => {
    assert.equal(endpointOf(undefined, undefined), UNKNOWN_ENDPOINT)
  })
})
