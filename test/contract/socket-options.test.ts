/** What `socket:` asks for is what the kernel has, read back from the daemon's own sockets. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, it } from 'node:test'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import {
  foreignSocketOption,
  IPPROTO_TCP,
  SO_KEEPALIVE,
  SO_RCVBUF,
  SO_SNDBUF,
  SOL_SOCKET,
  TCP_CONGESTION,
  TCP_KEEPIDLE,
  TCP_NODELAY,
  TCP_NOTSENT_LOWAT,
  TCP_USER_TIMEOUT,
  TCP_WINDOW_CLAMP,
} from '../harness/kernel.ts'
import { Peer } from '../harness/peer.ts'
import { numberNamed, socketBetween, type SocketState } from '../harness/socket-state.ts'
import { Upstream } from '../harness/upstream.ts'
import { differs } from './differences.ts'

const KIB = 1024

forEachEngine((engine) => {
  let upstream: Upstream
  let daemon: Daemon
  const onlyWhereSettable = { skip: differs('socket-options', engine) }

  before(async () => {
    upstream = await Upstream.listen()
    const upstreams = [upstream.address.text]
    const services = [
      { name: 'default', upstreams },
      { name: 'keepalive', upstreams, socket: { keepAlive: '77s' } },
      {
        name: 'sides',
        upstreams,
        socket: { keepAlive: '77s', client: { keepAlive: '11s' }, upstream: { keepAlive: '22s' } },
      },
    ]
    const settable = [
      { name: 'buffers', upstreams, socket: { receiveBuffer: '64KiB', sendBuffer: '96KiB' } },
      { name: 'clamp', upstreams, socket: { windowClamp: '32KiB' } },
      { name: 'segment', upstreams, socket: { maxSegment: 1200 } },
      { name: 'low-water', upstreams, socket: { notSentLowWater: '16KiB' } },
      { name: 'reno', upstreams, socket: { congestionControl: 'reno' } },
      { name: 'user-timeout', upstreams, socket: { userTimeout: '12s' } },
      {
        name: 'split',
        upstreams,
        socket: { client: { congestionControl: 'reno' }, upstream: { receiveBuffer: '80KiB' } },
      },
    ]
    daemon = await Daemon.start({
      engine,
      services: onlyWhereSettable.skip === false ? [...services, ...settable] : services,
    })
  })
  beforeEach(() => upstream.forget())
  after(async () => {
    upstream.close()
    await daemon.stop()
  })

  interface Sides {
    readonly client: SocketState
    readonly upstream: SocketState
  }

  /** The daemon's two sockets of a connection that has moved bytes both ways. */
  async function sidesOf(service: string): Promise<Sides> {
    const client = await Peer.connect(daemon.addressOf(service))
    const server = await upstream.next()
    // Twice: an engine may spare a connection with a single request what only longer ones need.
    for (const bytes of [5, 10]) {
      await client.write('hello')
      await server.receive(bytes)
      await server.write('hello')
      await client.receive(bytes)
    }
    const here = await ownedSocket(client.remotePort, client.localPort)
    const there = await ownedSocket(server.remotePort, server.localPort)
    return { client: here, upstream: there }
  }

  function ownedSocket(localPort: number, remotePort: number): Promise<SocketState> {
    return waitFor("the daemon's socket", () => {
      const state = socketBetween(localPort, remotePort)
      return state?.pid === undefined ? undefined : state
    })
  }

  function option(socket: SocketState, level: number, name: number): number {
    return foreignSocketOption(socket.pid ?? -1, socket.fd ?? -1, level, name).readInt32LE(0)
  }

  /** Options for lost peers may be set a moment after the connect: most connections never need them. */
  async function eventually(sides: Sides, check: (socket: SocketState, side: string) => void): Promise<void> {
    await waitFor(
      'the options of the upstream side',
      () => {
        try {
          check(sides.upstream, 'upstream side')
          return true
        } catch {
          return false
        }
      },
      2000,
    ).catch(() => undefined)
    forBothSides(sides, check)
  }

  function forBothSides(sides: Sides, check: (socket: SocketState, side: string) => void): void {
    check(sides.client, 'client side')
    check(sides.upstream, 'upstream side')
  }

  it('by default small writes are not held back, and lost peers are looked for', async () => {
    await eventually(await sidesOf('default'), (socket, side) => {
      assert.equal(option(socket, IPPROTO_TCP, TCP_NODELAY), 1, side)
      assert.equal(option(socket, SOL_SOCKET, SO_KEEPALIVE), 1, side)
      assert.equal(option(socket, IPPROTO_TCP, TCP_KEEPIDLE), 60, side)
    })
  })

  it('by default the kernel tunes the buffers by itself', async () => {
    const fresh = await Peer.connect(upstream.address)
    const plain = await waitFor('our own socket', () => socketBetween(fresh.localPort, upstream.address.port))
    await upstream.next()
    const kernelDefault = option(plain, SOL_SOCKET, SO_SNDBUF)
    const sides = await sidesOf('default')
    assert.equal(option(sides.upstream, SOL_SOCKET, SO_SNDBUF), kernelDefault)
    fresh.destroy()
  })

  it('keepAlive sets the idle time of both sides', async () => {
    await eventually(await sidesOf('keepalive'), (socket, side) => {
      assert.equal(option(socket, IPPROTO_TCP, TCP_KEEPIDLE), 77, side)
    })
  })

  it('client and upstream override for their side', async () => {
    await eventually(await sidesOf('sides'), (socket, side) => {
      assert.equal(option(socket, IPPROTO_TCP, TCP_KEEPIDLE), side === 'client side' ? 11 : 22, side)
    })
  })

  it('receiveBuffer and sendBuffer; the kernel doubles what it is told [socket(7)]', onlyWhereSettable, async () => {
    forBothSides(await sidesOf('buffers'), (socket, side) => {
      assert.equal(option(socket, SOL_SOCKET, SO_RCVBUF), 2 * 64 * KIB, side)
      assert.equal(option(socket, SOL_SOCKET, SO_SNDBUF), 2 * 96 * KIB, side)
      assert.equal(numberNamed(socket, 'rb'), 2 * 64 * KIB, side)
    })
  })

  it('windowClamp bounds the window we offer', onlyWhereSettable, async () => {
    forBothSides(await sidesOf('clamp'), (socket, side) => {
      const clamp = option(socket, IPPROTO_TCP, TCP_WINDOW_CLAMP)
      assert.ok(clamp <= 32 * KIB, `${side}: the clamp is ${clamp}`)
      const window = numberNamed(socket, 'rcv_ssthresh')
      assert.ok((window ?? Infinity) <= 32 * KIB, `${side}: ${socket.text}`)
    })
  })

  it('maxSegment is what we announce and what we send at most', onlyWhereSettable, async () => {
    const sides = await sidesOf('segment')
    forBothSides(sides, (socket, side) => {
      const sent = numberNamed(socket, 'mss')
      assert.ok(sent !== undefined && sent <= 1200, `${side} sends segments of ${sent}`)
    })
    // The other ends have learned it from our SYN.
    const [port, peer] = sides.client.remote
      .split(':')
      .slice(-1)
      .concat(sides.client.local.split(':').slice(-1))
      .map(Number)
    const client = await waitFor("the client's socket", () => socketBetween(port, peer))
    assert.ok((numberNamed(client, 'mss') ?? Infinity) <= 1200, client.text)
  })

  it('notSentLowWater', onlyWhereSettable, async () => {
    forBothSides(await sidesOf('low-water'), (socket, side) => {
      assert.equal(option(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 16 * KIB, side)
    })
  })

  it('congestionControl', onlyWhereSettable, async () => {
    forBothSides(await sidesOf('reno'), (socket, side) => {
      const name = foreignSocketOption(socket.pid ?? -1, socket.fd ?? -1, IPPROTO_TCP, TCP_CONGESTION)
      assert.equal(name.toString('latin1').replace(/\0.*$/s, ''), 'reno', side)
    })
  })

  it('userTimeout', onlyWhereSettable, async () => {
    await eventually(await sidesOf('user-timeout'), (socket, side) => {
      assert.equal(option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), 12_000, side)
    })
  })

  it('one side only leaves the other as it is', onlyWhereSettable, async () => {
    const [plain, split] = [await sidesOf('default'), await sidesOf('split')]
    const congestion = (socket: SocketState): string =>
      foreignSocketOption(socket.pid ?? -1, socket.fd ?? -1, IPPROTO_TCP, TCP_CONGESTION)
        .toString('latin1')
        .replace(/\0.*$/s, '')
    assert.equal(congestion(split.client), 'reno')
    assert.equal(congestion(split.upstream), congestion(plain.upstream))
    assert.equal(option(split.upstream, SOL_SOCKET, SO_RCVBUF), 2 * 80 * KIB)
    assert.notEqual(option(split.client, SOL_SOCKET, SO_RCVBUF), 2 * 80 * KIB)
  })
})
