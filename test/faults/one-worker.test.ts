/**
 * One worker of the linux engine without a daemon around it, so that its limits can be made as small as a test needs:
 * hardly any memory for slow receivers, hardly any pipes. Streams stay exact, everything comes back, nobody waits for ever.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { constants } from 'node:os'
import { after, afterEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MessageChannel, Worker } from 'node:worker_threads'
import { ffiProblem } from '../../src/kernel/limits.ts'
import { wake } from '../../src/kernel/wake.ts'
import { parseNetwork } from '../../src/lib/ip.ts'
import type { Network } from '../../src/lib/ip.ts'
import { CLOSE_REASON_NAMES } from '../../src/traffic/close-reason.ts'
import { Counters, SERVICE, SERVICE_STRIDE, UPSTREAM, UPSTREAM_STRIDE, WORKER } from '../../src/traffic/counters.ts'
import type { WorkerCommand, WorkerEvent, WorkerLimits, WorkerStart } from '../../src/traffic/events.ts'
import { LogRingReader } from '../../src/traffic/log-ring.ts'
import type { ConnectionRecord } from '../../src/traffic/log-ring.ts'
import { NodeWide } from '../../src/traffic/node-wide.ts'
import { LOOPBACK, serviceForTest, workerMemoryForTest } from '../../src/traffic/service-for-test.ts'
import type { Service } from '../../src/traffic/tables.ts'
import { address } from '../harness/address.ts'
import { waitFor, within } from '../harness/deadline.ts'
import { Peer } from '../harness/peer.ts'
import { Random } from '../harness/random.ts'
import { StreamCheck, streamBytes, wholeStream } from '../harness/test-stream.ts'
import { checkStream, sendStream } from '../harness/transfer.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const skip = process.platform === 'linux' && ffiProblem() === undefined ? false : 'the linux engine does not run here'

const KIB = 1024
const MIB = 1024 * KIB
const ANY_CLIENT = [parseNetwork('127.0.0.0/8') as Network]
/** Small kernel buffers: streams get stuck after little, and much of them stays with us. */
const SMALL_BUFFERS = { receiveBufferBytes: 16 * KIB, sendBufferBytes: 16 * KIB }
const UPSTREAMS_MAX = 4
const ENTRY = new URL('../../src/traffic/worker.ts', import.meta.url)

/** The worker's entry with `add` of its epoll set in other words: what the kernel says is not up to a test. */
function entryWhereEpollAdds(body: string): URL {
  const source = `
    const { Epoll } = await import(${JSON.stringify(new URL('../../src/kernel/epoll.ts', import.meta.url).href)})
    const add = Epoll.prototype.add
    Epoll.prototype.add = function (fd, events, key) { ${body} }
    await import(${JSON.stringify(ENTRY.href)})
  `
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`)
}

/** A service with its upstreams by port; `changes` says what is not ordinary. */
function service(index: number, upstreamPorts: readonly number[], changes: Partial<Service> = {}): Service {
  const addresses = upstreamPorts.map((port) => ({ ...LOOPBACK, port }))
  return serviceForTest(addresses, { index, ...changes }, index * 2)
}

class RunningWorker {
  static readonly all = new Set<RunningWorker>()
  readonly events: WorkerEvent[] = []
  readonly records: ConnectionRecord[] = []
  readonly counters: Counters
  readonly nodeWide: NodeWide
  /** What the thread died of. */
  error: Error | undefined
  readonly #exited: Promise<void>
  readonly #ring: LogRingReader
  readonly #post: (command: WorkerCommand) => void
  #wakeFd = -1

  private constructor(services: readonly Service[], limits: Partial<WorkerLimits>, entry: URL) {
    const { port1, port2 } = new MessageChannel()
    const counterShape = { services: services.length, upstreams: UPSTREAMS_MAX }
    const start: WorkerStart = {
      workerIndex: 0,
      workers: 1,
      engine: 'linux',
      ioUring: true,
      tables: { version: 1, logConnections: 'all', services },
      inheritedFds: {},
      limits: { connectionsMax: 2000, pipesMax: 64, spillBytesMax: 64 * MIB, ...limits },
      bootId: '0123456789ab',
      port: port2,
      ...workerMemoryForTest(counterShape, UPSTREAMS_MAX),
    }
    this.counters = new Counters(start.counterMemory, counterShape)
    this.nodeWide = new NodeWide(start.nodeWideMemory)
    this.#ring = new LogRingReader(start.logRingMemory)
    this.#post = (command) => port1.postMessage(command)
    port1.on('message', (event: WorkerEvent) => this.events.push(event))
    const thread = new Worker(entry, { workerData: start, transferList: [port2] })
    this.#exited = new Promise((resolve) => {
      thread.once('error', (error: Error) => (this.error = error))
      thread.once('exit', () => resolve())
    })
    RunningWorker.all.add(this)
  }

  static async start(
    services: readonly Service[],
    limits: Partial<WorkerLimits> = {},
    entry = ENTRY,
  ): Promise<RunningWorker> {
    const worker = new RunningWorker(services, limits, entry)
    await waitFor('the worker to listen, or to say why not', () => {
      if (worker.error !== undefined) throw worker.error
      return worker.events.some(({ kind }) => kind === 'listening' || kind === 'listen-failed')
    })
    worker.#wakeFd = worker.#listening?.wakeFd ?? -1
    return worker
  }

  get #listening(): (WorkerEvent & { kind: 'listening' }) | undefined {
    return this.events.find((event) => event.kind === 'listening')
  }

  port(serviceIndex = 0): number {
    const addresses = this.#listening?.addresses ?? []
    return addresses[serviceIndex].address.port
  }

  connect(serviceIndex = 0, options: { paused?: boolean } = {}): Promise<Peer> {
    return Peer.connect(address('127.0.0.1', this.port(serviceIndex)), options)
  }

  post(command: WorkerCommand): void {
    this.#post(command)
    wake(this.#wakeFd)
  }

  /** The records so far; `count` are waited for. */
  async recordsOf(count: number): Promise<ConnectionRecord[]> {
    await waitFor(`${count} records`, () => {
      this.#ring.read(10_000, (record) => this.records.push(record))
      return this.records.length >= count
    })
    return this.records
  }

  async recordOf(client: Peer): Promise<ConnectionRecord> {
    const clientPort = Number(client.localText.split(':')[1])
    return waitFor(`the record of ${client.localText}`, () => {
      this.#ring.read(10_000, (record) => this.records.push(record))
      return this.records.find((record) => record.clientPort === clientPort)
    })
  }

  service(place: number, index = 0): number {
    return this.counters.services[index * SERVICE_STRIDE + place]
  }

  /** Every place, gauge and lent thing is back, each connection ended once, and nothing happened that must not. */
  async assertNothingLeft(): Promise<void> {
    await waitFor('the last connection to end', () => this.nodeWide.openConnections === 0)
    const services = this.counters.services.length / SERVICE_STRIDE
    let total = 0
    for (let index = 0; index < services; index++) {
      assert.equal(this.service(SERVICE.open, index), 0)
      const closed = CLOSE_REASON_NAMES.map((_, code) => this.service(SERVICE.closed + code, index))
      assert.equal(
        closed.reduce((sum, count) => sum + count, 0),
        this.service(SERVICE.total, index),
      )
      total += this.service(SERVICE.total, index)
    }
    for (let at = 0; at < this.counters.upstreams.length; at += UPSTREAM_STRIDE) {
      assert.equal(this.counters.upstreams[at + UPSTREAM.open], 0)
    }
    const records = await this.recordsOf(total)
    assert.equal(records.length, total)
    assert.equal(new Set(records.map(({ sequence }) => sequence)).size, total)
    assert.deepEqual(
      this.events.filter(({ kind }) => kind === 'internal-error' || kind === 'warning'),
      [],
    )
  }

  async end(): Promise<void> {
    RunningWorker.all.delete(this)
    if (this.#wakeFd !== -1 && this.error === undefined) this.post({ kind: 'end' })
    await within('the worker to end', this.#exited)
  }
}

function reasonOf(record: ConnectionRecord): string {
  return CLOSE_REASON_NAMES[record.reasonCode]
}

describe('one worker', { skip }, () => {
  const upstreams: Upstream[] = []

  async function upstream(options: Parameters<typeof Upstream.listen>[0] = {}): Promise<Upstream> {
    const one = await Upstream.listen(options)
    upstreams.push(one)
    return one
  }

  afterEach(async () => {
    for (const worker of RunningWorker.all) await worker.end()
    for (const one of upstreams.splice(0)) one.close()
  })
  after(() => assert.equal(RunningWorker.all.size, 0))

  const LIMITS = [
    { spillBytesMax: 0, pipesMax: 0, connections: 60 },
    { spillBytesMax: MIB, pipesMax: 0, connections: 120 },
    { spillBytesMax: 2 * MIB, pipesMax: 5, connections: 120 },
    // Batches of reads at first, one read at a time as memory runs short, peeking in the end.
    { spillBytesMax: 4 * MIB, pipesMax: 0, connections: 200 },
    { spillBytesMax: 64 * MIB, pipesMax: 64, connections: 120 },
  ]
  for (const { connections, ...limits } of LIMITS) {
    const what = `${limits.spillBytesMax / MIB} MiB for slow receivers and ${limits.pipesMax} pipes`
    it(`${connections} receivers that stall both ways get every byte, with ${what}`, async () => {
      const bytes = 400_000
      const server = await upstream({ paused: true })
      const options = { clientSocket: SMALL_BUFFERS, upstreamSocket: SMALL_BUFFERS }
      const worker = await RunningWorker.start([service(0, [server.address.port], options)], limits)
      const pairs = await Promise.all(
        Array.from({ length: connections }, async (_, i) => {
          return { client: await worker.connect(0, { paused: true }), seed: i + 1 }
        }),
      )
      const servers = await Promise.all(pairs.map(() => server.next()))
      const pattern = (seed: number): Parameters<typeof checkStream>[1] => ({
        seed,
        bytes,
        pieceBytesMax: 70_000,
        stall: 0.05,
      })
      const sending = [
        ...pairs.map(({ client, seed }) => sendStream(client, pattern(seed))),
        ...servers.map((peer, i) => sendStream(peer, pattern(1000 + i))),
      ]
      await stuck(worker)
      assert.ok(worker.counters.worker[WORKER.spillBytes] <= limits.spillBytesMax)
      const checks = await Promise.all([
        ...pairs.map(({ client }) => receiveStream(client, 1000, connections, bytes)),
        ...servers.map((peer) => receiveStream(peer, 1, connections, bytes)),
      ])
      await Promise.all(sending)
      // Every stream came out exactly once: none was mixed up with another's.
      assert.equal(new Set(checks).size, 2 * connections)
      for (const { client } of pairs) client.finish()
      const records = await worker.recordsOf(connections)
      for (const record of records) {
        assert.deepEqual([record.bytesToUpstream, record.bytesToClient], [bytes, bytes])
        assert.match(reasonOf(record), /^(client|upstream)-closed$/)
      }
      await worker.assertNothingLeft()
    })
  }

  /** No byte moves any more: everything on the way is full. */
  async function stuck(worker: RunningWorker): Promise<void> {
    let before = -1
    await waitFor('everything on the way to be full', async () => {
      const moved = worker.service(SERVICE.bytesToClient) + worker.service(SERVICE.bytesToUpstream)
      const isStuck = moved === before && moved > 0
      before = moved
      await sleep(150)
      return isStuck
    })
  }

  /** Finds out by its first bytes which of the streams this is, checks the rest, and returns its seed. */
  async function receiveStream(peer: Peer, firstSeed: number, seeds: number, bytes: number): Promise<number> {
    let check: StreamCheck | undefined
    const random = new Random(Number(peer.localText.split(':')[1]))
    peer.onData = (chunk) => {
      check ??= new StreamCheck(seedOf(chunk, firstSeed, seeds))
      check.take(chunk)
      if (!random.chance(0.1)) return
      peer.pause()
      setTimeout(() => peer.resume(), random.integer(5))
    }
    peer.resume()
    assert.equal(await within(`the end of the stream at ${peer.localText}`, peer.ending, 30_000), 'fin')
    check?.assertComplete(bytes, `stream to ${peer.localText}`)
    return check?.seed ?? -1
  }

  function seedOf(chunk: Buffer, firstSeed: number, seeds: number): number {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const length = Math.min(chunk.length, 64)
      if (streamBytes(seed, 0, length).equals(chunk.subarray(0, length))) return seed
    }
    throw new Error('the first bytes are the beginning of no stream')
  }

  function push(socket: Socket): void {
    const more = (): void => {
      while (!socket.destroyed && socket.write(streamBytes(1, 0, 256 * KIB)));
    }
    socket.on('drain', more)
    socket.on('error', () => {})
    more()
  }

  it('the byte counters never go down', async () => {
    const pusher = await upstream({ onConnection: (peer) => push(peer.socket) })
    const worker = await RunningWorker.start([service(0, [pusher.address.port])])
    const client = await worker.connect(0, { paused: true })
    await stuck(worker)
    const before = worker.service(SERVICE.bytesToClient)
    client.reset()
    await worker.recordOf(client)
    assert.ok(worker.service(SERVICE.bytesToClient) >= before)
  })

  it('a client that is reset in the middle of its PROXY header has sent no bytes', async () => {
    const echoing = await upstream({ onConnection: echo })
    const worker = await RunningWorker.start([service(0, [echoing.address.port], { acceptProxyFrom: ANY_CLIENT })])
    const client = await worker.connect()
    await client.write('PROXY TCP4 192.0')
    await waitFor('the client to be accepted', () => worker.service(SERVICE.open) === 1)
    await sleep(50)
    await worker.end()
    const record = await worker.recordOf(client)
    assert.equal(reasonOf(record), 'drained')
    assert.equal(record.bytesToUpstream, 0)
    assert.equal(worker.service(SERVICE.bytesToUpstream), 0)
  })

  it('connectTimeout counts from the dial also behind a PROXY header that took its time', async () => {
    const full = await fullBacklog()
    const spare = await upstream({ onConnection: echo })
    const worker = await RunningWorker.start([
      service(0, [full.port, spare.address.port], {
        acceptProxyFrom: ANY_CLIENT,
        connectTimeoutMs: 300,
        acceptProxyTimeoutMs: 2500,
      }),
    ])
    const client = await worker.connect()
    // Later than the first look, which then asks to be called at the header's deadline.
    await sleep(300)
    const sentMs = performance.now()
    await client.write('PROXY TCP4 192.0.2.1 198.51.100.1 1234 443\r\nhello')
    await client.receiveText('hello')
    const tookMs = performance.now() - sentMs
    client.destroy()
    full.close()
    assert.ok(tookMs >= 295 && tookMs < 1500, `the spare upstream was reached after ${tookMs} ms`)
  })

  /** A listener whose queue is full: a connect to it gets no answer. */
  async function fullBacklog(): Promise<{ port: number; close: () => void }> {
    const libc = await import('../../src/kernel/libc.ts')
    const { nativeSocketAddress, SocketAddressSlot } = await import('../../src/kernel/socket-address.ts')
    const fd = libc.socket(libc.AF.inet, libc.SOCK.stream | libc.SOCK.cloexec, 0)
    const target = nativeSocketAddress(LOOPBACK)
    assert.equal(libc.bind(fd, target.at, target.bytes), 0)
    assert.equal(libc.listen(fd, 0), 0)
    const slot = new SocketAddressSlot()
    slot.reset()
    libc.getsockname(fd, slot.at, slot.lengthAt)
    const fillers = Array.from({ length: 3 }, () => connect({ host: '127.0.0.1', port: slot.port }))
    for (const filler of fillers) filler.on('error', () => {})
    await waitFor('the queue to be full', () => fillers.some(({ connecting }) => !connecting))
    await sleep(50)
    return {
      port: slot.port,
      close: () => {
        for (const filler of fillers) filler.destroy()
        libc.close(fd)
      },
    }
  }

  it('maxLifetime ends a half-closed connection on time however busy it is', async () => {
    const server = await upstream()
    const worker = await RunningWorker.start([service(0, [server.address.port], { maxLifetimeMs: 800 })])
    const client = await worker.connect()
    const peer = await server.next()
    client.finish()
    assert.equal(await peer.ending, 'fin')
    const startedMs = performance.now()
    while (client.endingNow === undefined && performance.now() - startedMs < 2500) {
      peer.socket.write('.')
      await sleep(20)
    }
    const ending = client.endingNow
    client.destroy()
    assert.equal(ending, 'reset')
    assert.equal(reasonOf(await worker.recordOf(client)), 'lifetime')
  })

  it('a listener that the kernel does not let us watch is a failed start', async () => {
    const echoing = await upstream({ onConnection: echo })
    const enospc = entryWhereEpollAdds(`return key <= -2 ? ${constants.errno.ENOSPC} : add.call(this, fd, events, key)`)
    const worker = await RunningWorker.start([service(0, [echoing.address.port])], {}, enospc)
    assert.deepEqual(
      worker.events.map(({ kind }) => kind),
      ['listen-failed'],
    )
  })

  it('a defect that shows while a client is accepted ends that client, and no other', async () => {
    const echoing = await upstream({ onConnection: echo })
    const broken = entryWhereEpollAdds(`
      if (key >= 0 && !globalThis.hasFailed) { globalThis.hasFailed = true; throw new Error('a defect') }
      return add.call(this, fd, events, key)
    `)
    const worker = await RunningWorker.start([service(0, [echoing.address.port])], {}, broken)
    const first = await worker.connect()
    const ending = await Promise.race([first.ending, waitFor('the worker to die', () => worker.error)])
    first.destroy()
    assert.equal(ending, 'reset')
    const second = await worker.connect()
    await second.write('hello')
    await second.receiveText('hello')
    second.destroy()
  })

  it('streams longer than the budget of a turn go on in the next, also when nothing more happens on them', async () => {
    const whole = wholeStream(5, 8_000_000)
    const server = await upstream({ onConnection: (peer) => void peer.socket.end(whole) })
    const worker = await RunningWorker.start([service(0, [server.address.port])])
    const download = async (): Promise<void> => {
      const client = await worker.connect()
      const check = new StreamCheck(5)
      client.onData = (chunk) => check.take(chunk)
      client.finish()
      assert.equal(await within('the end of the download', client.ending), 'fin')
      check.assertComplete(whole.length, 'download')
    }
    for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 8 }, download))
    await worker.assertNothingLeft()
  })

  it('slots that end and begin in the same turns never mix two connections', async () => {
    // Each answer names its connection; each connection is over after one exchange, hundreds at once, few slots.
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {})
      socket.once('data', (name: Buffer) => socket.end(`you are ${name.toString()}`))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const worker = await RunningWorker.start([service(0, [(server.address() as AddressInfo).port])])
    let wrong = 0
    const exchange = async (name: string): Promise<void> => {
      const client = await worker.connect()
      await client.write(name)
      const { bytes, ending } = await client.receiveAll()
      if (bytes.toString() !== `you are ${name}` || ending !== 'fin') wrong++
      client.destroy()
    }
    for (let round = 0; round < 12; round++) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => exchange(`${round}-${i}`)))
    }
    server.close()
    assert.equal(wrong, 0)
    await worker.assertNothingLeft()
    assert.equal(worker.records.length, 1200)
  })

  for (const mode of ['raw', 'proxy-v2'] as const) {
    it(`everything at random, mode ${mode}: each connection ends once, for one reason, and all is given back`, async () => {
      const server = await upstream({ onConnection: (peer) => void misbehave(peer, 7) })
      const dead = await upstream()
      const deadPort = dead.address.port
      await dead.stopListening()
      const worker = await RunningWorker.start(
        [
          service(0, [deadPort, server.address.port], {
            mode,
            idleTimeoutMs: 400,
            halfClosedTimeoutMs: 300,
            maxLifetimeMs: 2500,
            clientSocket: SMALL_BUFFERS,
            upstreamSocket: SMALL_BUFFERS,
          }),
          service(1, [deadPort], { onFailure: 'close' }),
        ],
        { spillBytesMax: 2 * MIB, pipesMax: 6, connectionsMax: 150 },
      )
      const socketsBefore = readdirSync('/proc/self/fd').length
      const random = new Random(mode.length)
      let differences = 0
      const one = async (seed: number): Promise<void> => {
        const client = await Peer.connect(address('127.0.0.1', worker.port(seed % 10 === 0 ? 1 : 0))).catch(
          () => undefined,
        )
        if (client === undefined) return
        const check = mode === 'raw' ? new StreamCheck(9) : undefined
        client.onData = (chunk) => check?.take(chunk)
        await misbehave(client, seed)
        // Whatever was done: some timeout ends it, and the client hears of it.
        await within(`the end of ${client.localText}`, client.ending)
        client.destroy()
        if (check?.difference !== undefined) differences++
      }
      for (let round = 0; round < 6; round++) {
        await Promise.all(Array.from({ length: 60 }, () => one(random.integer(1_000_000))))
      }
      assert.equal(differences, 0)
      server.forget()
      await worker.assertNothingLeft()
      await waitFor('every fd to be closed', () => readdirSync('/proc/self/fd').length <= socketsBefore + 2 * 6)
      const reasons = new Set(worker.records.map(reasonOf))
      assert.ok(reasons.size >= 5, `only ${[...reasons].join(', ')}`)
      for (const record of worker.records) {
        assert.ok(record.bytesToUpstream >= 0 && record.bytesToClient >= 0, JSON.stringify(record))
      }
    })
  }

  /** Sends the beginning of stream 9 in pieces, pausing, finishing, resetting or just leaving as chance will have it. */
  async function misbehave(peer: Peer, seed: number): Promise<void> {
    const random = new Random(seed ^ (peer.socket.remotePort ?? 0) ^ ((peer.socket.localPort ?? 0) << 16))
    let sent = 0
    for (let step = 0; step < 12 && peer.endingNow === undefined; step++) {
      const act = random.integer(20)
      if (act < 10) {
        const length = 1 + random.integer(act < 3 ? 200_000 : 3000)
        peer.socket.write(streamBytes(9, sent, length), () => {})
        sent += length
      } else if (act < 13) peer.pause()
      else if (act < 16) peer.resume()
      else if (act === 16) return farewell(peer, 'finish')
      else if (act === 17) return farewell(peer, 'reset')
      else if (act === 18) return farewell(peer, 'destroy')
      await sleep(random.integer(30))
    }
    peer.resume()
  }

  function farewell(peer: Peer, how: 'finish' | 'reset' | 'destroy'): void {
    peer.resume()
    peer[how]()
  }

  it('a drain says so at once without connections, and with them when the last has ended', async () => {
    const echoing = await upstream({ onConnection: echo })
    const idle = await RunningWorker.start([service(0, [echoing.address.port])])
    idle.post({ kind: 'drain' })
    await waitFor('drained', () => idle.events.some(({ kind }) => kind === 'drained'))
    const busy = await RunningWorker.start([service(0, [echoing.address.port])])
    const client = await busy.connect()
    await client.write('hello')
    await client.receiveText('hello')
    busy.post({ kind: 'drain' })
    await assert.rejects(async () => {
      for (;;) (await busy.connect()).destroy()
    })
    assert.ok(!busy.events.some(({ kind }) => kind === 'drained'))
    const whole = wholeStream(3, 500_000)
    client.socket.end(whole)
    const { bytes, ending } = await client.receiveAll()
    assert.ok(bytes.subarray(5).equals(whole) && ending === 'fin')
    await waitFor('drained', () => busy.events.some(({ kind }) => kind === 'drained'))
    assert.equal(busy.events.filter(({ kind }) => kind === 'drained').length, 1)
    await busy.assertNothingLeft()
  })

  it('tables are swapped under traffic: old connections stay, new ones go by the new tables, none is lost', async () => {
    const [one, two] = [await upstream({ onConnection: echo }), await upstream({ onConnection: echo })]
    const worker = await RunningWorker.start([service(0, [one.address.port])])
    const kept = await worker.connect()
    await kept.write('a')
    await kept.receiveText('a')
    for (let version = 2; version < 40; version++) {
      const port = version % 2 === 0 ? two.address.port : one.address.port
      worker.post({ kind: 'tables', tables: { version, logConnections: 'all', services: [service(0, [port])] } })
      const client = await worker.connect()
      await client.write(`${version}`)
      await client.receiveText(`${version}`)
      client.finish()
      assert.equal((await client.receiveAll()).ending, 'fin')
    }
    await kept.write('b')
    await kept.receiveText('ab')
    assert.equal(one.connections.length + two.connections.length, 39)
    assert.ok(two.connections.length >= 15)
    kept.destroy()
    await worker.assertNothingLeft()
  })

  it('an ended worker leaves no fd behind, whatever it was doing', async () => {
    const fds = (): number => readdirSync('/proc/self/fd').length
    const pusher = await upstream({ onConnection: (peer) => push(peer.socket) })
    const before = fds()
    const worker = await RunningWorker.start([
      service(0, [pusher.address.port]),
      service(1, [pusher.address.port], { acceptProxyFrom: ANY_CLIENT }),
    ])
    const clients = await Promise.all(Array.from({ length: 40 }, (_, i) => worker.connect(i % 2, { paused: true })))
    await stuck(worker)
    await worker.end()
    for (const client of clients) client.resume()
    const endings = await Promise.all(clients.map(({ ending }) => ending))
    assert.deepEqual([...new Set(endings)], ['reset'])
    pusher.forget()
    await waitFor('every fd to be closed', () => fds() <= before)
  })
})
