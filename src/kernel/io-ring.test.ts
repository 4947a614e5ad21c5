/** A ring on real sockets, where the kernel says what there is to say, and on a kernel of our own that fails on command. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { constants } from 'node:os'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { IoRing as Ring } from './io-ring.ts'
import { ffiProblem } from './limits.ts'

const E = constants.errno
const isHere = process.platform === 'linux' && ffiProblem() === undefined
const { IoRing, NOT_DONE, RING_ENTRIES } = isHere ? await import('./io-ring.ts') : ({} as never)
const libc = isHere ? await import('./libc.ts') : ({} as never)
const { nativeSocketAddress, SocketAddressSlot } = isHere ? await import('./socket-address.ts') : ({} as never)
const { Epoll } = isHere ? await import('./epoll.ts') : ({} as never)
const { closeWithReset } = isHere ? await import('./socket-option.ts') : ({} as never)

function openRing(Class: typeof IoRing): Ring {
  const ring = Class.open()
  if (!(ring instanceof Class)) throw new Error(ring)
  return ring
}

function whyNoRing(): string | false {
  if (!isHere) return 'native calls do not work here'
  const ring = IoRing.open()
  if (!(ring instanceof IoRing)) return ring
  ring.close()
  return false
}

const BYTES = 4096
const ANY_PORT = { family: 4, address: '127.0.0.1', port: 0 } as const

describe('ring on real sockets', { skip: whyNoRing() }, () => {
  const open: number[] = []
  let ring: Ring
  let filesAtStart: number

  beforeEach(() => {
    filesAtStart = readdirSync('/proc/self/fd').length
    ring = openRing(IoRing)
  })
  afterEach(() => {
    for (const fd of open.splice(0)) libc.close(fd)
    ring.close()
    assert.equal(readdirSync('/proc/self/fd').length, filesAtStart)
  })

  function owned(fd: number): number {
    assert.ok(fd >= 0, libc.errnoName(libc.errno()))
    open.push(fd)
    return fd
  }

  function forget(fd: number): void {
    open.splice(open.indexOf(fd), 1)
  }

  /** Both ends of so many connections, non-blocking. */
  function pairs(count: number): { client: number; server: number }[] {
    const type = libc.SOCK.stream | libc.SOCK.cloexec
    const listener = owned(libc.socket(libc.AF.inet, type, 0))
    const any = nativeSocketAddress(ANY_PORT)
    assert.equal(libc.bind(listener, any.at, any.bytes), 0)
    assert.equal(libc.listen(listener, 16), 0)
    const bound = new SocketAddressSlot()
    bound.reset()
    libc.getsockname(listener, bound.at, bound.lengthAt)
    const target = nativeSocketAddress({ ...ANY_PORT, port: bound.port })
    return Array.from({ length: count }, () => {
      const client = owned(libc.socket(libc.AF.inet, type, 0))
      assert.equal(libc.connect(client, target.at, target.bytes), 0)
      libc.fcntl(client, F_SETFL, libc.SOCK.nonblock)
      const peer = new SocketAddressSlot()
      peer.reset()
      return { client, server: owned(libc.accept4(listener, peer.at, peer.lengthAt, (type & ~1) | libc.SOCK.nonblock)) }
    })
  }
  const F_SETFL = 4

  function sendAll(fd: number, bytes: Uint8Array): void {
    assert.equal(libc.send(fd, libc.addressOf(bytes), bytes.length, libc.MSG.nosignal), bytes.length)
  }

  /** Loopback may hand over a moment later. */
  function waitUntilReadable(fd: number): void {
    const one = new Uint8Array(1)
    const deadlineMs = performance.now() + 5000
    while (libc.recv(fd, libc.addressOf(one), 1, libc.MSG.peek | libc.MSG.dontwait) < 0 && libc.errno() === E.EAGAIN) {
      assert.ok(performance.now() < deadlineMs, 'nothing came')
    }
  }

  /** The same for a reset, which a read would use up. */
  function waitUntilReset(fd: number): void {
    const epoll = new Epoll()
    assert.equal(epoll.add(fd, 0, 1), 0)
    assert.equal(epoll.wait(5000), 1)
    epoll.close()
  }

  test('each receive has its own result: bytes, nothing there, an end, a reset, no such file', () => {
    const [talking, silent, ended, reset, both] = pairs(5)
    sendAll(talking.client, Uint8Array.of(1, 2, 3))
    sendAll(both.client, new Uint8Array(BYTES).fill(7))
    libc.shutdown(ended.client, libc.SHUT_WR)
    forget(reset.client)
    closeWithReset(reset.client)
    for (const { server } of [talking, ended, both]) waitUntilReadable(server)
    waitUntilReset(reset.server)
    const memory = new Uint8Array(6 * BYTES)
    const at = libc.addressOf(memory)
    const files = [talking.server, silent.server, ended.server, reset.server, 9999, both.server]
    for (const [i, fd] of files.entries()) ring.putRecv(fd, at + i * BYTES, BYTES)
    ring.submit()
    const results = files.map((_, i) => ring.result(i))
    assert.deepEqual(results, [3, -E.EAGAIN, 0, -E.ECONNRESET, -E.EBADF, BYTES])
    assert.deepEqual([...memory.subarray(0, 4)], [1, 2, 3, 0])
    assert.ok(memory.subarray(5 * BYTES).every((byte) => byte === 7))
  })

  test('each send has its own result: all taken, a part, nothing, a peer that is gone', () => {
    const [taking, full, brimful, gone, shut] = pairs(5)
    const much = new Uint8Array(64 * 1024 * 1024).fill(9)
    const at = libc.addressOf(much)
    while (libc.send(brimful.client, at, much.length, libc.MSG.nosignal) > 0);
    forget(gone.server)
    closeWithReset(gone.server)
    waitUntilReset(gone.client)
    libc.shutdown(shut.client, libc.SHUT_WR)
    const sends = [
      [taking.client, 100],
      [full.client, much.length],
      [brimful.client, 100],
      [gone.client, 100],
      [shut.client, 100],
      [taking.client, 50],
    ] as const
    for (const [fd, bytes] of sends) ring.putSend(fd, at, bytes)
    ring.submit()
    const [all, part, nothing, reset, pipe, again] = sends.map((_, i) => ring.result(i))
    assert.deepEqual([all, nothing, pipe, again], [100, -E.EAGAIN, -E.EPIPE, 50])
    assert.ok(part > 0 && part < much.length, `${part} bytes of a send that does not fit`)
    assert.equal(reset, -E.ECONNRESET)
  })

  test('far more entries than either queue is long: every one has its result, and bytes go where they belong', () => {
    const all = pairs(RING_ENTRIES)
    const memory = new Uint8Array(RING_ENTRIES * 16)
    const at = libc.addressOf(memory)
    for (let round = 0; round < 200; round++) {
      for (const [i, { client }] of all.entries()) {
        memory.fill(round + i, i * 16, i * 16 + 16)
        ring.putSend(client, at + i * 16, 1 + (i % 16))
      }
      ring.submit()
      for (const [i] of all.entries()) assert.equal(ring.result(i), 1 + (i % 16))
      for (const { server } of all) waitUntilReadable(server)
      memory.fill(0)
      for (const [i, { server }] of all.entries()) ring.putRecv(server, at + i * 16, 16)
      ring.submit()
      for (const [i] of all.entries()) {
        assert.equal(ring.result(i), 1 + (i % 16))
        assert.equal(memory[i * 16], (round + i) & 0xff)
      }
    }
  })

  test('nothing is queued: nothing happens', () => {
    ring.submit()
    assert.equal(ring.refusal, undefined)
  })
})

describe('ring on a kernel that fails', { skip: isHere ? false : 'native calls do not work here' }, async () => {
  if (!isHere) return
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      next(
        specifier === './libc.ts' && context.parentURL?.endsWith('?fake') ? './libc-for-test.ts' : specifier,
        context,
      ),
  })
  const fakeUrl = new URL('./io-ring.ts?fake', import.meta.url).href
  const { IoRing: Fake } = (await import(fakeUrl)) as typeof import('./io-ring.ts')
  const { kernel } = await import('./libc-for-test.ts')
  hooks.deregister()

  beforeEach(() => kernel.reset())

  /** Receives of 1, 2, … bytes: the bytes say which entry it is. */
  function receive(ring: Ring, count: number, firstFd = 10): number[] {
    for (let i = 0; i < count; i++) ring.putRecv(firstFd + i, 4096 * (i + 1), i + 1)
    ring.submit()
    return Array.from({ length: count }, (_, i) => ring.result(i))
  }

  const ALL_FIVE = [1, 2, 3, 4, 5]

  test('an entry says what is to be done, at addresses of any height', () => {
    const ring = openRing(Fake)
    const addresses = [4096, 0x7fff_f000, 0x8000_0000, 0xffff_f000, 0x1_0000_0000, 0x7fff_1234_5678, 0x7fff_ffff_f000]
    for (const [i, at] of addresses.entries()) ring.putRecv(20 + i, at, 100 + i)
    ring.putSend(30, 0x7f00_8000_0040, 16_384)
    ring.submit()
    const entries = kernel.taken.map(({ address }) => Number(address))
    assert.deepEqual(entries, [...addresses, 0x7f00_8000_0040])
    const [first] = kernel.taken
    const last = kernel.taken.at(-1)
    assert.deepEqual(first, { operation: 27, fd: 20, address: 4096n, bytes: 100, flags: libc.MSG.dontwait })
    const flags = libc.MSG.dontwait | libc.MSG.nosignal
    assert.deepEqual(last, { operation: 26, fd: 30, address: 0x7f00_8000_0040n, bytes: 16_384, flags })
  })

  test('completions in another order: each result stands by its entry', () => {
    const ring = openRing(Fake)
    kernel.isReversed = true
    for (let round = 0; round < 50; round++) assert.deepEqual(receive(ring, 5), ALL_FIVE)
  })

  test('completions that are late are waited for, also by a wait that is interrupted: the buffers are the kernel’s', () => {
    const ring = openRing(Fake)
    kernel.isLate = true
    for (let round = 0; round < 50; round++) {
      kernel.enterErrors = [0, 0, E.EINTR, E.EAGAIN, 0]
      assert.deepEqual(receive(ring, 5), ALL_FIVE)
    }
    assert.equal(kernel.held.length, 0)
  })

  test('a wait that the kernel refuses is no reason to go on as if the buffers were ours', () => {
    const ring = openRing(Fake)
    kernel.isLate = true
    kernel.enterErrors = [0, E.EPERM]
    assert.throws(() => receive(ring, 5), /io_uring_enter: EPERM/)
  })

  test('what the kernel does not take is not done, and is not taken by a later submission either', () => {
    const ring = openRing(Fake)
    for (let round = 0; round < 50; round++) {
      kernel.taken.length = 0
      kernel.takenMax = round % 5
      const done = ALL_FIVE.map((bytes, i) => (i < round % 5 ? bytes : NOT_DONE))
      assert.deepEqual(receive(ring, 5), done)
      kernel.takenMax = RING_ENTRIES
      assert.deepEqual(receive(ring, 2, 90), [1, 2])
      const files = kernel.taken.map(({ fd }) => fd)
      assert.deepEqual(files, [10, 11, 12, 13, 14].slice(0, round % 5).concat(90, 91))
    }
  })

  for (const code of ['EAGAIN', 'EBUSY', 'EINTR', 'ENOMEM'] as const) {
    test(`a call that fails with ${code}: nothing is done, and the next one is as if it had not been`, () => {
      const ring = openRing(Fake)
      kernel.enterErrors = [E[code]]
      assert.deepEqual(receive(ring, 5), Array(5).fill(NOT_DONE))
      assert.equal(ring.refusal, undefined)
      assert.deepEqual(receive(ring, 2, 90), [1, 2])
      const files = kernel.taken.map(({ fd }) => fd)
      assert.deepEqual(files, [90, 91])
    })
  }

  for (const code of ['EPERM', 'ENOSYS', 'EACCES'] as const) {
    test(`a call that fails with ${code}: nothing is done, and the ring says that it is refused`, () => {
      const ring = openRing(Fake)
      kernel.enterErrors = [E[code]]
      assert.deepEqual(receive(ring, 5), Array(5).fill(NOT_DONE))
      assert.equal(ring.refusal, `io_uring_enter: ${code}`)
    })
  }

  test('a want of memory of the ring is not the socket’s, a failure of the socket is', () => {
    const ring = openRing(Fake)
    const codes = [E.ENOMEM, E.EINTR, E.EAGAIN, E.ECONNRESET, E.ETIMEDOUT]
    kernel.resultOf = ({ bytes }) => -codes[bytes - 1]
    assert.deepEqual(receive(ring, 5), [NOT_DONE, NOT_DONE, -E.EAGAIN, -E.ECONNRESET, -E.ETIMEDOUT])
  })

  test('a result is never that of the submission before', () => {
    const ring = openRing(Fake)
    assert.deepEqual(receive(ring, 5), ALL_FIVE)
    kernel.takenMax = 0
    assert.deepEqual(receive(ring, 5), Array(5).fill(NOT_DONE))
  })

  test('positions in the queues that pass 2^31 and 2^32', () => {
    for (const position of [2 ** 31 - 7, -7]) {
      const ring = openRing(Fake)
      receive(ring, 1)
      kernel.moveTo(position)
      // The ring takes its position from the kernel after each submission.
      ring.submit()
      for (let round = 0; round < 10; round++) assert.deepEqual(receive(ring, 5), ALL_FIVE)
    }
  })

  test('no ring: the reason is said, and no file is left open', () => {
    kernel.setupError = E.EPERM
    assert.equal(Fake.open(), 'io_uring_setup: EPERM')
    assert.deepEqual(kernel.closed, [])
    kernel.setupError = 0
    kernel.features = 1
    assert.equal(Fake.open(), 'io_uring: this kernel has an old form of it')
    kernel.features = 0xffff
    kernel.canMap = false
    assert.equal(Fake.open(), 'mmap of io_uring: ENOMEM')
    kernel.canMap = true
    kernel.enterErrors = [E.EPERM]
    assert.equal(Fake.open(), 'io_uring_enter: EPERM')
    assert.equal(kernel.closed.length, 3)
  })
})
