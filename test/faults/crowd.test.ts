/**
 * A crowd that speaks in the same moment: the daemon stands still (SIGSTOP) while hundreds of connections get bytes, ends
 * and resets on both sides, and finds all of it in one turn. That is what the linux engine's batches are for; every way
 * of moving the bytes must come to the same end.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ffiProblem } from '../../src/kernel/limits.ts'
import { Daemon, type DaemonOptions } from '../harness/daemon.ts'
import { waitFor, within } from '../harness/deadline.ts'
import { ENGINES, type EngineName } from '../harness/engines.ts'
import { foreignSocketOption, IPPROTO_TCP, TCP_NODELAY } from '../harness/kernel.ts'
import { Peer } from '../harness/peer.ts'
import { ringFacts } from '../harness/ring-facts.ts'
import { socketBetween } from '../harness/socket-state.ts'
import { StreamCheck, streamBytes } from '../harness/test-stream.ts'
import { echo, Upstream } from '../harness/upstream.ts'

/** Both halves of all of them fit in one wait [epoll.ts EVENTS_MAX], and fill several batches. */
const CONNECTIONS = 240
/** One read of a batch [copy.ts COPY_BYTES]. */
const COPY_BYTES = 16 * 1024

interface Way {
  readonly what: string
  readonly engine: EngineName
  readonly traffic?: Record<string, unknown>
  readonly env?: Record<string, string>
  /** How many entries of the ring one connection costs that is spoken on from both sides. */
  readonly entriesEach: 0 | 2 | 4
}

const PATCHY_RING = `--import=${fileURLToPath(new URL('../harness/patchy-ring.ts', import.meta.url))}`

function refusing(entries: string): Record<string, string> {
  return { NODE_OPTIONS: PATCHY_RING, TIDEGATE_TEST_RING: entries }
}

const WAYS: readonly Way[] = [
  { what: 'batches', engine: 'linux', entriesEach: 4 },
  { what: 'no io_uring', engine: 'linux', traffic: { ioUring: 'off' }, entriesEach: 0 },
  {
    what: 'batches whose receives the kernel does not take',
    engine: 'linux',
    env: refusing('receives'),
    entriesEach: 0,
  },
  { what: 'batches whose sends the kernel does not take', engine: 'linux', env: refusing('sends'), entriesEach: 2 },
  { what: 'batches of which the kernel takes half', engine: 'linux', env: refusing('some'), entriesEach: 0 },
  { what: 'the node engine', engine: 'node', entriesEach: 0 },
]

interface Pair {
  readonly client: Peer
  readonly server: Peer
  readonly atClient: StreamCheck
  readonly atServer: StreamCheck
  /** Bytes said so far, each to the other. */
  toClient: number
  toServer: number
}

for (const way of WAYS) {
  if (!ENGINES.includes(way.engine)) continue
  describe(`a crowd in one turn, ${way.what}`, () => crowd(way))
}

/** The first chunk of a spill pool that is asked for can't be had, against all promises. */
const BROKEN_SPILL = `
  import { isMainThread } from 'node:worker_threads'
  if (!isMainThread) {
    const { SpillPool } = await import('${new URL('../../src/traffic/linux-engine/spill-pool.ts', import.meta.url).href}')
    const { take } = SpillPool.prototype
    let asked = 0
    SpillPool.prototype.take = function (bytes) { return asked++ === 0 ? undefined : take.call(this, bytes) }
  }
`

describe('a defect that shows on one connection of a batch', { skip: whyNoDefect() }, () => {
  it('ends that connection, and nobody else notices', async () => {
    const upstream = await Upstream.listen({ onConnection: echo })
    const options = `${PATCHY_RING} --import=data:text/javascript,${encodeURIComponent(BROKEN_SPILL)}`
    const daemon = await Daemon.start({
      engine: 'linux',
      isCheckout: true,
      env: { NODE_OPTIONS: options, TIDEGATE_TEST_RING: 'sends' },
      traffic: { workers: 1 },
      services: [{ upstreams: [upstream.address.text] }],
    })
    const clients = await Promise.all(Array.from({ length: 100 }, () => Peer.connect(daemon.addressOf())))
    await daemon.frozen(() => Promise.all(clients.map((client) => client.write('hello'))))
    await waitFor('99 echoes and one reset', () => {
      return clients.every(({ bytesReceived, endingNow }) => bytesReceived === 5 || endingNow === 'reset')
    })
    const ended = clients.filter(({ endingNow }) => endingNow !== undefined)
    assert.equal(ended.length, 1)
    assert.equal((await daemon.lineOf(ended[0])).reason, 'internal-error')
    await daemon.waitForMetric('tidegate_connections_open', {}, 99)
    // It would complain of the very error that is wanted here.
    daemon.kill()
    upstream.close()
  })
})

function whyNoDefect(): string | false {
  return ENGINES.includes('linux') ? false : 'the linux engine is not asked for'
}

const MSG_OOB = 1
const urgentByte = Uint8Array.of(0x21)

function whyNothingUrgent(): string | false {
  return process.platform === 'linux' && ffiProblem() === undefined ? false : 'urgent data is sent by a native call'
}

async function sendUrgent(peer: Peer): Promise<void> {
  const { addressOf, send } = await import('../../src/kernel/libc.ts')
  const { fd } = Reflect.get(peer.socket, '_handle') as { fd: number }
  assert.equal(send(fd, addressOf(urgentByte), 1, MSG_OOB), 1)
}

function crowd(way: Way): void {
  let upstream: Upstream
  let daemon: Daemon
  let socketsAtStart: number
  let otherFilesAtStart: string[]

  before(async () => {
    upstream = await Upstream.listen()
    const { engine, traffic, env = {} } = way
    const options: DaemonOptions = {
      engine,
      env,
      isCheckout: true,
      traffic: { workers: 1, ...traffic },
      services: [
        { name: 'web', upstreams: [upstream.address.text] },
        { name: 'tight', upstreams: [upstream.address.text], socket: { sendBuffer: '8KiB', receiveBuffer: '64KiB' } },
      ],
    }
    daemon = await Daemon.start(options)
    socketsAtStart = daemon.socketCount()
    otherFilesAtStart = otherFiles()
  })
  afterEach(async () => {
    upstream.forget()
    await daemon.waitForSocketCount(socketsAtStart)
    await daemon.waitForMetric('tidegate_connections_open', {}, 0)
    assert.deepEqual(otherFiles(), otherFilesAtStart)
    daemon.assertNoInternalErrors()
  })
  after(async () => {
    upstream.close()
    await daemon.stop()
  })

  /** What is open beside sockets and the pool of pipes. */
  function otherFiles(): string[] {
    return daemon
      .openFiles()
      .filter((file) => !/^(?:socket|pipe):/.test(file))
      .toSorted()
  }

  async function pairs(count: number, service = 'web'): Promise<Pair[]> {
    const clients = await Promise.all(Array.from({ length: count }, () => Peer.connect(daemon.addressOf(service))))
    await Promise.all(clients.map((client, i) => client.write(Buffer.of(i >> 8, i & 0xff))))
    await waitFor('everyone to be known upstream', () => {
      return upstream.connections.filter((server) => server.bytesReceived === 2).length === count
    })
    const servers = new Map(upstream.connections.map((server) => [server.received.readUInt16BE(0), server]))
    return clients.map((client, i) => pairOf(client, servers.get(i) as Peer, i))
  }

  function pairOf(client: Peer, server: Peer, i: number): Pair {
    const atClient = new StreamCheck(2 * i + 1)
    const atServer = new StreamCheck(2 * i + 2)
    client.onData = (chunk) => atClient.take(chunk)
    server.onData = (chunk) => atServer.take(chunk)
    return { client, server, atClient, atServer, toClient: 0, toServer: 0 }
  }

  function sayToServer(pair: Pair, bytes: number): void {
    pair.client.socket.write(streamBytes(pair.atServer.seed, pair.toServer, bytes), () => {})
    pair.toServer += bytes
  }

  function sayToClient(pair: Pair, bytes: number): void {
    pair.server.socket.write(streamBytes(pair.atClient.seed, pair.toClient, bytes), () => {})
    pair.toClient += bytes
  }

  /** Until everything that was said has been heard, and nothing else. */
  async function allHeard(all: readonly Pair[]): Promise<void> {
    await waitFor('every byte', () =>
      all.every((pair) => pair.atClient.bytes >= pair.toClient && pair.atServer.bytes >= pair.toServer),
    ).catch((error: Error) => {
      const missing = all.filter((pair) => pair.atClient.bytes < pair.toClient || pair.atServer.bytes < pair.toServer)
      const first = missing
        .slice(0, 5)
        .map((pair) => [all.indexOf(pair), pair.toClient - pair.atClient.bytes, pair.toServer - pair.atServer.bytes])
      throw new Error(`${error.message}: ${missing.length} connections wait, such as ${JSON.stringify(first)}`)
    })
    for (const pair of all) {
      pair.atClient.assertComplete(pair.toClient, 'to client')
      pair.atServer.assertComplete(pair.toServer, 'to upstream')
    }
  }

  async function allEnd(all: readonly Pair[]): Promise<void> {
    for (const { client, server } of all) {
      client.finish()
      server.finish()
    }
    for (const { client, server } of all) {
      assert.deepEqual(await within('two ends', Promise.all([client.ending, server.ending])), ['fin', 'fin'])
    }
    for (const pair of all) await checkLine(pair, /^(client|upstream)-closed$/)
  }

  async function checkLine(pair: Pair, reason: RegExp): Promise<void> {
    const line = await daemon.lineOf(pair.client)
    assert.match(line.reason, reason)
    assert.deepEqual([line.bytesToUpstream, line.bytesToClient], [pair.toServer + 2, pair.toClient])
  }

  it('what both sides say at once is heard to the last byte', async () => {
    const all = await pairs(CONNECTIONS)
    const entriesBefore = ringFacts(daemon.pid).entries
    for (let round = 0; round < 3; round++) {
      await daemon.frozen(async () => {
        for (const [i, pair] of all.entries()) {
          sayToServer(pair, 1 + ((i * 97 + round * 31) % 3000))
          sayToClient(pair, 1 + ((i * 41 + round * 57) % 3000))
        }
        await delivered()
      })
      await allHeard(all)
    }
    const entries = ringFacts(daemon.pid).entries - entriesBefore
    assert.equal(ringFacts(daemon.pid).rings, way.engine === 'linux' && way.traffic === undefined ? 1 : 0)
    if (way.engine === 'node' || way.traffic !== undefined) assert.equal(entries, 0)
    // Small sends one after the other are not held back, however they are made.
    for (const { server } of process.platform === 'linux' ? all.slice(0, 3) : []) {
      const { pid = -1, fd = -1 } = socketBetween(server.remotePort, server.localPort) ?? {}
      assert.equal(foreignSocketOption(pid, fd, IPPROTO_TCP, TCP_NODELAY).readInt32LE(0), 1)
    }
    // A few may come in the turn before the stop or in the one after.
    if (way.entriesEach > 0) assert.ok(entries >= 3 * CONNECTIONS * way.entriesEach * 0.8, `${entries} entries`)
    await allEnd(all)
  })

  it('reads that fill the buffer, and what comes behind them', async () => {
    const all = await pairs(60)
    for (const bytes of [COPY_BYTES - 1, COPY_BYTES, COPY_BYTES + 1, 2 * COPY_BYTES, 3 * COPY_BYTES + 5, 100_000]) {
      await daemon.frozen(async () => {
        for (const pair of all) {
          sayToServer(pair, bytes)
          sayToClient(pair, bytes)
        }
        await delivered()
      })
      await allHeard(all)
    }
    await allEnd(all)
  })

  it('ends that come right behind the bytes, from either side or both', async () => {
    const all = await pairs(CONNECTIONS)
    await daemon.frozen(async () => {
      for (const [i, pair] of all.entries()) {
        const bytes = i % 5 === 0 ? 0 : 700 * (i % 30)
        sayToServer(pair, bytes)
        sayToClient(pair, 500)
        if (i % 3 !== 0) pair.client.finish()
        if (i % 3 !== 1) pair.server.finish()
      }
      await delivered()
    })
    await allHeard(all)
    for (const [i, { client, server }] of all.entries()) {
      // Half-close: the other direction goes on, and its bytes come before its end.
      if (i % 3 !== 0) assert.equal(await within('the end of a client at its upstream', server.ending), 'fin')
      if (i % 3 !== 1) assert.equal(await within('the end of an upstream at its client', client.ending), 'fin')
    }
    await daemon.frozen(async () => {
      for (const [i, pair] of all.entries()) {
        if (i % 3 === 0) sayToServer(pair, 900)
        if (i % 3 === 1) sayToClient(pair, 900)
      }
      await delivered()
    })
    await allHeard(all)
    await allEnd(all)
  })

  it('resets among the talk: each ends its own connection, what is said before it is right, and nobody else notices', async () => {
    const all = await pairs(CONNECTIONS)
    await daemon.frozen(async () => {
      for (const [i, pair] of all.entries()) {
        sayToServer(pair, 300 + i)
        sayToClient(pair, 400 + i)
      }
      await delivered()
      for (const [i, { client, server }] of all.entries()) {
        if (i % 4 === 1) client.reset()
        if (i % 4 === 2) server.reset()
        if (i % 8 === 7) client.reset()
        if (i % 8 === 7) server.reset()
      }
      await delivered()
    })
    const isTalking = (i: number): boolean => i % 4 === 0 || i % 8 === 3
    for (const [i, pair] of all.entries()) {
      if (isTalking(i)) continue
      const { client, server, atClient, atServer } = pair
      if (i % 4 === 1) assert.equal(await within('the reset', server.ending), 'reset')
      if (i % 4 === 2) assert.equal(await within('the reset', client.ending), 'reset')
      assert.deepEqual([atClient.difference, atServer.difference], [undefined, undefined])
      const { reason, bytesToUpstream, bytesToClient } = await daemon.lineOf(client)
      assert.match(reason, i % 4 === 1 ? /^client-reset$/ : i % 4 === 2 ? /^upstream-reset$/ : /-reset$/)
      // What the dead had said is delivered, what was meant for it is not counted.
      if (way.engine !== 'linux' || i % 4 === 3) continue
      const delivered = i % 4 === 1 ? [pair.toServer + 2, 0] : [2, pair.toClient]
      assert.deepEqual([bytesToUpstream, bytesToClient], delivered)
    }
    const others = all.filter((_, i) => isTalking(i))
    await allHeard(others)
    await allEnd(others)
  })

  it('receivers that read nothing among those that do: each gets its bytes when it goes on, the others at once', async () => {
    const all = await pairs(CONNECTIONS, 'tight')
    const deaf = all.filter((_, i) => i % 2 === 0)
    const hearing = all.filter((_, i) => i % 2 === 1)
    for (const [i, { client, server }] of deaf.entries()) (i % 2 === 0 ? client : server).pause()
    // Portion after portion, as a batch reads them, until the receivers are full and the daemon holds what is left over.
    for (let round = 0; round < 24; round++) {
      await daemon.frozen(async () => {
        for (const pair of all) {
          sayToServer(pair, 12_000)
          sayToClient(pair, 12_000)
        }
        await delivered()
      })
      await allHeard(hearing)
    }
    if (way.engine === 'linux') assert.ok((await daemon.metrics()).sum('tidegate_worker_spill_bytes') > 0)
    // They speak and make room in the same moment: both are told by one event, and neither may hide the other.
    const before = deaf.map(({ client, server }) => client.bytesReceived + server.bytesReceived)
    await daemon.frozen(async () => {
      for (const { client, server } of deaf) for (const peer of [client, server]) peer.resume()
      await waitFor('the deaf to hear what lay there for them', () => {
        return deaf.every(({ client, server }, i) => client.bytesReceived + server.bytesReceived > before[i])
      })
      for (const [i, pair] of deaf.entries()) (i % 2 === 0 ? sayToServer : sayToClient)(pair, 1000)
      await delivered()
    })
    await allHeard(all)
    for (const pair of deaf) {
      if (deaf.indexOf(pair) % 3 === 0) pair.client.finish()
      if (deaf.indexOf(pair) % 3 === 1) pair.server.finish()
    }
    await allEnd(all)
  })

  it('urgent bytes among the others: all but the urgent ones arrive', { skip: whyNothingUrgent() }, async () => {
    const all = await pairs(CONNECTIONS)
    for (let round = 0; round < 3; round++) {
      await daemon.frozen(async () => {
        for (const pair of all) sayToServer(pair, 100)
        for (const pair of all) sayToClient(pair, 100)
        await delivered()
        for (const [i, { client, server }] of all.entries()) await sendUrgent(i % 2 === 0 ? client : server)
        for (const [i, pair] of all.entries()) if (i % 3 > 0) sayToServer(pair, 150)
        for (const [i, pair] of all.entries()) if (i % 3 > 0) sayToClient(pair, 150)
        await delivered()
      })
      await allHeard(all)
    }
    await allEnd(all)
  })

  /** What was written before is in the daemon's sockets: loopback hands it over within the call, and each socket has written once a turn has passed. */
  function delivered(): Promise<void> {
    return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  }
}
