/** Options, the error of a socket, resets and TCP_INFO on real connections over loopback. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { connect as connectTo, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ffiProblem } from './limits.ts'

const skip = process.platform === 'linux' && ffiProblem() === undefined ? false : 'native calls do not work here'

const { AF, addressOf, close, connect, E, errno, getsockopt, MSG, recv, send, SOCK, socket } =
  skip === false ? await import('./libc.ts') : ({} as never)
const { nativeSocketAddress } = skip === false ? await import('./socket-address.ts') : ({} as never)
const { closeWithReset, OPTION, setInteger, setText, takeSocketError } =
  skip === false ? await import('./socket-option.ts') : ({} as never)
const { TcpInfo, unacknowledgedBytes } = skip === false ? await import('./tcp-info.ts') : ({} as never)

const buffer = new Uint8Array(256 * 1024)
const bufferAt = skip === false ? addressOf(buffer) : 0
const DEADLINE_MS = 5000

async function until(what: string, probe: () => boolean): Promise<void> {
  const untilMs = performance.now() + DEADLINE_MS
  while (!probe()) {
    assert.ok(performance.now() < untilMs, `waited in vain for ${what}`)
    await sleep(2)
  }
}

describe('socket options', { skip }, () => {
  const servers: Server[] = []
  const fds: number[] = []

  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
    for (const fd of fds.splice(0)) close(fd)
  })

  function newSocket(): number {
    const fd = socket(AF.inet, SOCK.stream | SOCK.nonblock | SOCK.cloexec, 0)
    assert.ok(fd >= 0)
    fds.push(fd)
    return fd
  }

  function connectFd(port: number): number {
    const fd = newSocket()
    const target = nativeSocketAddress({ family: 4, address: '127.0.0.1', port })
    assert.equal(connect(fd, target.at, target.bytes), -1)
    assert.equal(errno(), E.EINPROGRESS)
    return fd
  }

  /** A connection of ours, by fd, to a peer that reads nothing until it is resumed. */
  async function connection(): Promise<{ fd: number; peer: Socket }> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
    servers.push(server)
    const peer = new Promise<Socket>((resolve) => server.once('connection', resolve))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const fd = connectFd((server.address() as AddressInfo).port)
    return { fd, peer: await peer }
  }

  function integerOf(fd: number, [level, option]: readonly [number, number]): number {
    const value = new Int32Array(1)
    const length = Int32Array.of(4)
    assert.equal(getsockopt(fd, level, option, addressOf(value), addressOf(length)), 0)
    return value[0]
  }

  test('are set, and read back', () => {
    const fd = newSocket()
    for (const [option, value] of [
      [OPTION.noDelay, 1],
      [OPTION.keepAlive, 1],
      [OPTION.keepIdleSeconds, 77],
      [OPTION.keepIntervalSeconds, 13],
      [OPTION.keepCount, 4],
      [OPTION.userTimeoutMs, 30_000],
      [OPTION.notSentLowWater, 131_072],
      [OPTION.bindAddressNoPort, 1],
    ] as const) {
      assert.equal(setInteger(fd, option, value), 0)
      assert.equal(integerOf(fd, option), value, `option ${option[1]}`)
    }
    // The kernel doubles it for its own needs [socket(7)].
    assert.equal(setInteger(fd, OPTION.sendBuffer, 32_768), 0)
    assert.equal(integerOf(fd, OPTION.sendBuffer), 65_536)
  })

  test('that the kernel refuses give the errno', () => {
    const fd = newSocket()
    assert.equal(setText(fd, OPTION.congestion, 'no-such-thing'), E.ENOENT)
    assert.equal(setInteger(fd, OPTION.maxSegment, 1), E.EINVAL)
    assert.equal(setInteger(fd, [0x7777, 1], 1), E.ENOPROTOOPT)
    assert.equal(setInteger(-1, OPTION.noDelay, 1), E.EBADF)
    assert.equal(setText(fd, OPTION.congestion, 'reno'), 0)
  })

  test('the error of a refused connect is told once', async () => {
    const { port } = await new Promise<AddressInfo>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address() as AddressInfo
        server.close(() => resolve(address))
      })
    })
    const fd = connectFd(port)
    let code = 0
    await until('the refusal', () => (code = takeSocketError(fd)) !== 0)
    assert.equal(code, E.ECONNREFUSED)
    assert.equal(takeSocketError(fd), 0)
    assert.equal(takeSocketError(-1), E.EBADF)
  })

  test('closeWithReset resets the peer, drops what was not sent, and closes the fd', async () => {
    const fdsBefore = readdirSync('/proc/self/fd').length
    const { fd, peer } = await connection()
    while (send(fd, bufferAt, buffer.length, MSG.nosignal) > 0);
    const ending = new Promise((resolve) => peer.once('error', (error: NodeJS.ErrnoException) => resolve(error.code)))
    closeWithReset(fd)
    fds.splice(fds.indexOf(fd), 1)
    assert.equal(recv(fd, bufferAt, 1, 0), -1)
    assert.equal(errno(), E.EBADF)
    peer.resume()
    assert.equal(await ending, 'ECONNRESET')
    const closed = new Promise<void>((resolve) => servers.splice(0)[0].close(() => resolve()))
    await closed
    assert.ok(readdirSync('/proc/self/fd').length <= fdsBefore)
  })

  test('a half of the peer that finished is an end, one that was reset an error, after the bytes before', async () => {
    const { fd, peer } = await connection()
    peer.write('last words')
    peer.end()
    await until('the bytes', () => recv(fd, bufferAt, 100, MSG.peek) === 10)
    assert.equal(recv(fd, bufferAt, 100, 0), 10)
    await until('the end', () => recv(fd, bufferAt, 100, 0) === 0)
    const other = await connection()
    other.peer.write('last words')
    await until('the bytes', () => recv(other.fd, bufferAt, 100, MSG.peek) === 10)
    other.peer.resetAndDestroy()
    await until('the error', () => recv(other.fd, bufferAt, 100, 0) === -1 && errno() !== E.EAGAIN)
    assert.equal(takeSocketError(other.fd), 0)
  })

  test('TCP_INFO tells the round-trip time of a connection and nothing of a closed one', async () => {
    const { fd } = await connection()
    const info = new TcpInfo()
    assert.ok(info.read(fd))
    assert.ok(info.rttUs > 0 && info.rttUs < 1_000_000, `${info.rttUs} µs`)
    assert.equal(info.retransmits, 0)
    const rttUs = info.rttUs
    assert.equal(info.read(-1), false)
    assert.equal(info.rttUs, rttUs)
  })

  test('TCP_INFO tells how many segments brought how many bytes, read or not', async () => {
    const { fd, peer } = await connection()
    const info = new TcpInfo()
    assert.ok(info.read(fd))
    assert.deepEqual([info.dataSegmentsReceived, info.bytesReceived], [0, 0])
    peer.setNoDelay(true)
    for (let segments = 1; segments <= 5; segments++) {
      peer.write('abc')
      await until('the segment', () => info.read(fd) && info.bytesReceived === segments * 3)
      assert.equal(info.dataSegmentsReceived, segments)
    }
  })

  test('unacknowledged bytes are those the peer has no room for, and none once it has read them', async () => {
    const { fd, peer } = await connection()
    assert.equal(unacknowledgedBytes(fd), 0)
    let sent = 0
    for (let took = 1; took > 0; sent += Math.max(0, took)) took = send(fd, bufferAt, buffer.length, MSG.nosignal)
    assert.ok(unacknowledgedBytes(fd) > 0)
    assert.ok(unacknowledgedBytes(fd) <= sent)
    peer.resume()
    await until('everything to be acknowledged', () => unacknowledgedBytes(fd) === 0)
    assert.equal(unacknowledgedBytes(-1), 0)
  })

  test('the errors of node:net and of ours have the same names', async () => {
    const { errnoName } = await import('./libc.ts')
    const code = await new Promise<string | undefined>((resolve) => {
      connectTo({ host: '127.0.0.1', port: 1 }).once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    })
    assert.equal(errnoName(E.ECONNREFUSED), code)
    assert.equal(errnoName(99_999), 'errno 99999')
  })
})
