/** The worker as control sees it: real sockets on loopback, messages, shared memory. The behaviour of streams is in test/contract. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { after, afterEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseNetwork, type Network, type SocketAddress } from '../../lib/ip.ts'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES } from '../close-reason.ts'
import { SERVICE, UPSTREAM, WORKER } from '../counters.ts'
import type { Service } from '../tables.ts'
import { LOOPBACK, MIB, RunningWorker, serviceTo, soon, tablesOf } from './worker-for-test.ts'

describe('node engine', () => {
  const servers: Server[] = []

  async function upstream(take: (socket: Socket) => void): Promise<SocketAddress> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {})
      take(socket)
    })
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return { ...LOOPBACK, port: (server.address() as AddressInfo).port }
  }

  const echo = (socket: Socket): void => void socket.pipe(socket)
  /** A port that was free a moment ago. */
  async function closedPort(): Promise<SocketAddress> {
    const address = await upstream(() => {})
    servers.pop()?.close()
    return address
  }

  afterEach(async () => {
    for (const worker of RunningWorker.all) worker.post({ kind: 'end' })
    await Promise.all([...RunningWorker.all].map((worker) => worker.exited))
    RunningWorker.all.clear()
    for (const server of servers.splice(0)) server.close()
  })
  after(() => assert.equal(RunningWorker.all.size, 0))

  it('relays, counts and logs one connection', async () => {
    const worker = new RunningWorker(tablesOf(serviceTo([await upstream(echo)])))
    const client = await worker.connect()
    const { localPort } = client.socket
    client.socket.end('hello')
    assert.equal(await client.ended(), 'fin')
    assert.equal(client.bytes.toString(), 'hello')
    const [record] = await worker.recordsOf(1)
    assert.equal(CLOSE_REASON_NAMES[record.reasonCode], 'client-closed')
    assert.deepEqual([record.bytesToUpstream, record.bytesToClient], [5, 5])
    assert.deepEqual([record.clientFamily, ...record.clientAddress.subarray(0, 4)], [4, 127, 0, 0, 1])
    assert.equal(record.clientPort, localPort)
    assert.deepEqual([record.sequence, record.attempts, record.upstreamIndex], [1, 1, 0])
    assert.deepEqual([record.clientRttUs, record.upstreamRttUs], [-1, -1])
    assert.ok(
      record.connectMs >= 0 && record.firstByteMs >= record.connectMs && record.durationMs >= record.firstByteMs,
    )
    assert.deepEqual([...worker.counters.services.subarray(0, 4)], [0, 1, 5, 5])
    await worker.assertNothingLeft()
  })

  it('counts bytes while the connection is open', async () => {
    const worker = new RunningWorker(tablesOf(serviceTo([await upstream(echo)])))
    const client = await worker.connect()
    client.socket.write('hello')
    await soon('the echo to be counted', () => worker.counters.services[SERVICE.bytesToClient] === 5)
    assert.equal(worker.counters.services[SERVICE.open], 1)
    assert.equal(worker.counters.upstreams[UPSTREAM.open], 1)
  })

  it('resets above connectionsMax, counts it, and logs no line', async () => {
    const worker = new RunningWorker(tablesOf(serviceTo([await upstream(echo)])), { connectionsMax: 1 })
    const first = await worker.connect()
    first.socket.write('x')
    await soon('the echo', () => first.bytes.length === 1)
    const second = await worker.connect()
    assert.equal(await second.ended(), 'ECONNRESET')
    assert.equal(worker.refused('refused-ceiling'), 1)
    first.socket.end()
    await first.ended()
    await worker.assertNothingLeft()
    assert.equal((await worker.recordsOf(1)).length, 1)
  })

  it('logs nothing where logConnections is not `all`', async () => {
    const worker = new RunningWorker(tablesOf(serviceTo([await upstream(echo)]), { logConnections: 'refused' }))
    const client = await worker.connect()
    client.socket.end('hello')
    await client.ended()
    await worker.assertNothingLeft()
    assert.equal((await worker.recordsOf(0)).length, 0)
    assert.equal(worker.counters.services[SERVICE.closed + CLOSE_REASON_CODES['client-closed']], 1)
  })

  it('records each failed attempt, and the failure for the other workers', async () => {
    const [dead, alive] = [await closedPort(), await upstream(echo)]
    const worker = new RunningWorker(tablesOf(serviceTo([dead, alive])))
    const client = await worker.connect()
    client.socket.end('x')
    await client.ended()
    const [record] = await worker.recordsOf(1)
    assert.deepEqual([record.attempts, record.upstreamIndex], [2, 1])
    const [failed] = record.failedAttempts
    assert.deepEqual([failed.upstreamIndex, failed.error], [0, 111])
    assert.equal(worker.counters.upstreams[UPSTREAM.connectFailures], 1)
    assert.ok(worker.nodeWide.failedUntilMs(0) > 0)
    assert.equal(worker.nodeWide.failedUntilMs(1), 0)
  })

  it('sends the PROXY header and what the client has said already as one piece, in the name of the client', async () => {
    const pieces: string[] = []
    const address = await upstream((socket) => socket.on('data', (chunk: Buffer) => pieces.push(chunk.toString())))
    const loopback = parseNetwork('127.0.0.0/8') as Network
    const worker = new RunningWorker(tablesOf(serviceTo([address], { mode: 'proxy-v1', acceptProxyFrom: [loopback] })))
    const client = await worker.connect()
    client.socket.write('PROXY TCP4 192.0.2.1 198.51.100.1 1234 443\r\nhello')
    await soon('the first piece', () => pieces.length > 0)
    assert.deepEqual(pieces, ['PROXY TCP4 192.0.2.1 198.51.100.1 1234 443\r\nhello'])
    client.socket.resetAndDestroy()
    const [record] = await worker.recordsOf(1)
    assert.deepEqual([...record.clientAddress.subarray(0, 4), record.clientPort], [192, 0, 2, 1, 1234])
    assert.equal(record.bytesToUpstream, 5)
    await worker.assertNothingLeft()
  })

  it('uses new tables for the connections to come, and leaves open ones alone', async () => {
    const [one, two] = [await upstream((s) => s.write('one')), await upstream((s) => s.write('two'))]
    const worker = new RunningWorker(tablesOf(serviceTo([one])))
    const first = await worker.connect()
    await soon('one', () => first.bytes.toString() === 'one')
    worker.post({ kind: 'tables', tables: tablesOf(serviceTo([two]), { version: 2 }) })
    await soon('two', async () => {
      const next = await worker.connect()
      await soon('a greeting', () => next.bytes.length > 0)
      return next.bytes.toString() === 'two'
    })
    assert.equal(first.ending, undefined)
  })

  it('drains: refuses at the listener, serves whom it has, and says when the last is gone', async () => {
    const worker = new RunningWorker(tablesOf(serviceTo([await upstream(echo)])))
    const client = await worker.connect()
    client.socket.write('a')
    await soon('the echo', () => client.bytes.length === 1)
    worker.post({ kind: 'drain' })
    await soon('a refused connect', async () => {
      const late = await worker.connect()
      late.socket.destroy()
      return late.ending === 'ECONNREFUSED'
    })
    assert.equal(
      worker.events.some(({ kind }) => kind === 'drained'),
      false,
    )
    client.socket.end('b')
    assert.equal(await client.ended(), 'fin')
    assert.equal(client.bytes.toString(), 'ab')
    await worker.event('drained')
  })

  it('`end` resets what is left, even a client that reads nothing, and ends the thread', async () => {
    const flood = (socket: Socket): void => void socket.write(Buffer.alloc(64 * MIB))
    const worker = new RunningWorker(tablesOf(serviceTo([await upstream(flood)])))
    const [stalled, halfClosed] = [await worker.connect(), await worker.connect()]
    stalled.socket.pause()
    halfClosed.socket.end('x')
    await soon('bytes', () => halfClosed.bytes.length > MIB)
    worker.post({ kind: 'end' })
    await worker.exited
    stalled.socket.resume()
    assert.equal(await stalled.ended(), 'ECONNRESET')
    assert.equal(await halfClosed.ended(), 'ECONNRESET')
    for (const { reasonCode } of await worker.recordsOf(2)) assert.equal(reasonCode, CLOSE_REASON_CODES.drained)
    await worker.assertNothingLeft()
  })

  it('says which address it could not listen on, and ends when told', async () => {
    const taken = await upstream(echo)
    const service = serviceTo([taken], {
      listeners: [
        { index: 0, address: LOOPBACK, dualStack: false },
        { index: 1, address: taken, dualStack: false },
      ],
    })
    const worker = new RunningWorker(tablesOf(service))
    const failed = await worker.event('listen-failed')
    assert.deepEqual([failed.code, failed.address], ['EADDRINUSE', taken])
    assert.equal(
      worker.events.some(({ kind }) => kind === 'listening'),
      false,
    )
  })

  it('shares no port with a stranger, although several workers share one', async () => {
    const stranger = createServer()
    servers.push(stranger)
    stranger.listen({ host: '127.0.0.1', port: 0, reusePort: true })
    await once(stranger, 'listening')
    const taken = { ...LOOPBACK, port: (stranger.address() as AddressInfo).port }
    const listeners = [{ index: 0, address: taken, dualStack: false }]
    const worker = new RunningWorker(tablesOf(serviceTo([taken], { listeners })), {}, 2)
    assert.equal((await worker.event('listen-failed')).code, 'EADDRINUSE')
  })

  it('counts what waits when the end comes right behind it', async () => {
    const readers: Socket[] = []
    const address = await upstream((socket) => readers.push(socket.pause()))
    const worker = new RunningWorker(tablesOf(serviceTo([address])))
    const client = await worker.connect()
    let sent = 0
    const moved = (): number => worker.counters.services[SERVICE.bytesToUpstream]
    const isHeldUp = (): boolean => worker.counters.worker[WORKER.spillBytes] > 0
    // One piece after the other, so that the one that is held up is the last.
    while (!isHeldUp()) {
      client.socket.write(Buffer.alloc(32_000))
      sent += 32_000
      await soon('the piece to move or to be held up', () => moved() === sent || isHeldUp())
    }
    client.socket.end()
    // The end is read at once; nothing tells that it was.
    await sleep(100)
    readers[0].resume().end()
    assert.equal((await worker.recordsOf(1))[0].bytesToUpstream, sent)
    await worker.assertNothingLeft()
  })

  it('delivers what it has read before a reset, however slow the receiver', async () => {
    const sockets: Socket[] = []
    const address = await upstream((socket) => sockets.push(socket))
    const worker = new RunningWorker(tablesOf(serviceTo([address])))
    const client = await worker.connect()
    client.socket.pause()
    await soon('the upstream', () => sockets.length === 1)
    sockets[0].write(Buffer.alloc(64 * MIB))
    await soon('the client to stall', () => worker.counters.worker[WORKER.spillBytes] > 0)
    sockets[0].resetAndDestroy()
    // Makes the engine notice: it reads the upstream no further while the client is slow.
    client.socket.write('x')
    await sleep(100)
    const held = worker.counters.worker[WORKER.spillBytes]
    assert.ok(held > 0)
    client.socket.resume()
    assert.equal(await client.ended(), 'ECONNRESET')
    assert.equal(await worker.reason(), 'upstream-reset')
    assert.equal(client.bytes.length, worker.records[0].bytesToClient)
    await worker.assertNothingLeft()
  })

  it('warns once of options that node:net does not have', async () => {
    const sockets = {
      clientSocket: { userTimeoutMs: 1000, maxSegmentBytes: 500 },
      upstreamSocket: { userTimeoutMs: 1 },
    }
    const worker = new RunningWorker(tablesOf(serviceTo([await upstream(echo)], sockets)))
    await worker.event('listening')
    const warnings = worker.events.filter((event) => event.kind === 'warning')
    assert.equal(warnings.length, 1)
    assert.match(warnings[0].message, /web.*socket\.maxSegment, socket\.userTimeout/)
  })

  it('ends the client that has been stalled the longest when bytes in user space reach their limit', async () => {
    const flood = (socket: Socket): void => void socket.write(Buffer.alloc(64 * MIB))
    const worker = new RunningWorker(tablesOf(serviceTo([await upstream(flood)])), { spillBytesMax: 100_000 })
    const oldest = await worker.connect()
    oldest.socket.pause()
    await soon('the first to stall', () => worker.counters.worker[WORKER.spillBytes] > 0)
    const newer = [await worker.connect(), await worker.connect()]
    for (const { socket } of newer) socket.pause()
    assert.equal(await worker.reason(), 'out-of-memory')
    const [record] = worker.records
    assert.equal(record.clientPort, oldest.socket.localPort)
    assert.ok(worker.counters.worker[WORKER.spillBytes] <= 100_000)
    oldest.socket.resume()
    assert.equal(await oldest.ended(), 'ECONNRESET')
    for (const { socket } of newer) socket.destroy()
    await worker.assertNothingLeft()
  })

  it('a bug that one connection meets ends that one and is told', async () => {
    // No candidate list: what the tables can't say, but a bug in them could.
    const broken = { ...serviceTo([await upstream(echo)]), candidates: undefined } as unknown as Service
    const good = tablesOf(serviceTo([await upstream(echo)]))
    const worker = new RunningWorker(good)
    const before = await worker.connect()
    before.socket.write('a')
    await soon('the echo', () => before.bytes.length === 1)
    worker.post({ kind: 'tables', tables: tablesOf(broken, { version: 2 }) })
    await soon('an internal error', async () => {
      ;(await worker.connect()).socket.resume()
      return worker.events.some(({ kind }) => kind === 'internal-error')
    })
    await soon('its counter', () => worker.counters.services[SERVICE.closed + CLOSE_REASON_CODES['internal-error']])
    before.socket.end('b')
    assert.equal(await before.ended(), 'fin')
    assert.equal(before.bytes.toString(), 'ab')
    await worker.assertNothingLeft()
  })

  it('writes down how busy it is', async () => {
    const worker = new RunningWorker(tablesOf(serviceTo([await upstream(echo)])))
    await soon('the first sample', () => worker.counters.worker[WORKER.busyMs] > 0)
    assert.ok(worker.counters.worker[WORKER.loopTurns] > 0)
  })
})
