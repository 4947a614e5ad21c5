import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatIp, socketAddress } from '../lib/ip.ts'
import type { SocketAddress } from '../lib/ip.ts'
import { ffiProblem } from './limits.ts'
import type { SocketAddressSlot as Slot } from './socket-address.ts'

const skip = process.platform === 'linux' && ffiProblem() === undefined ? false : 'native calls do not work here'

const { bind, close, getsockname, SOCK, socket } = skip === false ? await import('./libc.ts') : ({} as never)
const { nativeSocketAddress, SocketAddressSlot } = skip === false ? await import('./socket-address.ts') : ({} as never)

/** What the engine makes of a slot: family, the bytes from `ipAt` on, port. */
function addressIn(slot: Slot): SocketAddress {
  const bytes = slot.bytes.slice(slot.ipAt, slot.ipAt + (slot.ipFamily === 4 ? 4 : 16))
  return { family: slot.ipFamily, address: formatIp(bytes), port: slot.port }
}

const anyAddress = fc
  .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(0xffff))
  .map(([text, port]) => socketAddress(text, port) as SocketAddress)

describe('a native socket address', { skip }, () => {
  test('read back is what was written', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        const slot = new SocketAddressSlot()
        slot.bytes.set(nativeSocketAddress(address).memory)
        assert.deepEqual(addressIn(slot), address)
      }),
    )
  })

  test('of mapped IPv4 is IPv4', () => {
    const slot = new SocketAddressSlot()
    const { memory } = nativeSocketAddress({ family: 6, address: '::', port: 8080 })
    slot.bytes.set(memory)
    slot.bytes.set([0xff, 0xff, 192, 0, 2, 33], 8 + 10)
    assert.deepEqual(addressIn(slot), { family: 4, address: '192.0.2.33', port: 8080 })
    // One byte beside the pattern it is an IPv6 address.
    slot.bytes[8] = 1
    assert.equal(slot.ipFamily, 6)
  })

  test('is understood by the kernel, which gives the same one back', () => {
    for (const text of ['127.0.0.1', '127.200.3.4', '::1']) {
      const address = socketAddress(text, 0) as SocketAddress
      const target = nativeSocketAddress(address)
      const fd = socket(target.family, SOCK.stream | SOCK.cloexec, 0)
      // A machine without IPv6 has no such sockets.
      if (fd < 0 && address.family === 6) continue
      assert.equal(bind(fd, target.at, target.bytes), 0, text)
      const slot = new SocketAddressSlot()
      slot.reset()
      assert.equal(getsockname(fd, slot.at, slot.lengthAt), 0)
      close(fd)
      const { port, ...rest } = addressIn(slot)
      assert.deepEqual(rest, { family: address.family, address: text })
      assert.ok(port > 0)
    }
  })

  test('addresses side by side do not share a byte', () => {
    const targets = Array.from({ length: 300 }, (_, i) =>
      nativeSocketAddress({ family: 4, address: `192.0.${i >> 8}.${i & 0xff}`, port: i }),
    )
    for (const [i, { memory }] of targets.entries()) {
      const slot = new SocketAddressSlot()
      slot.bytes.set(memory)
      assert.deepEqual(addressIn(slot), { family: 4, address: `192.0.${i >> 8}.${i & 0xff}`, port: i })
    }
  })

  test('of something that is no address is an error that names it', () => {
    assert.throws(() => nativeSocketAddress({ family: 4, address: 'example.com', port: 1 }), /example\.com/)
  })
})
