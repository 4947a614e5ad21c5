/** For tests: a worker thread of the node engine, without a daemon around it, and clients of it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { SocketAddress } from '../../lib/ip.ts'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES, type CloseReason } from '../close-reason.ts'
import { Counters, SERVICE, UPSTREAM, WORKER } from '../counters.ts'
import type { WorkerCommand, WorkerEvent, WorkerStart } from '../events.ts'
import { LogRingReader, type ConnectionRecord } from '../log-ring.ts'
import { NodeWide } from '../node-wide.ts'
import { serviceForTest, workerMemoryForTest } from '../service-for-test.ts'
import type { Service, Tables } from '../tables.ts'

export { LOOPBACK } from '../service-for-test.ts'

const DEADLINE_MS = 10_000
export const MIB = 1024 * 1024

export function serviceTo(upstreams: readonly SocketAddress[], changes: Partial<Service> = {}): Service {
  return serviceForTest(upstreams, { name: 'web', retryFailedAfterMs: 10_000, ...changes })
}

export function tablesOf(service: Service, changes: Partial<Tables> = {}): Tables {
  return { version: 1, logConnections: 'all', services: [service], ...changes }
}

/** A worker with one service, and the memory it shares. */
export class RunningWorker {
  static readonly all = new Set<RunningWorker>()
  readonly events: WorkerEvent[] = []
  readonly records: ConnectionRecord[] = []
  readonly counters: Counters
  readonly nodeWide: NodeWide
  readonly exited: Promise<unknown>
  readonly #ring: LogRingReader
  readonly #post: (command: WorkerCommand) => void

  constructor(tables: Tables, limits: Partial<WorkerStart['limits']> = {}, workers = 1) {
    const { port1, port2 } = new MessageChannel()
    const counterShape = { services: 1, upstreams: 4 }
    const start: WorkerStart = {
      workerIndex: 0,
      workers,
      engine: 'node',
      ioUring: false,
      tables,
      inheritedFds: {},
      limits: { connectionsMax: 1000, pipesMax: 0, spillBytesMax: 64 * MIB, ...limits },
      bootId: '0123456789ab',
      port: port2,
      ...workerMemoryForTest(counterShape, 4),
    }
    this.counters = new Counters(start.counterMemory, counterShape)
    this.nodeWide = new NodeWide(start.nodeWideMemory)
    this.#ring = new LogRingReader(start.logRingMemory)
    this.#post = (command) => port1.postMessage(command)
    port1.on('message', (event: WorkerEvent) => this.events.push(event))
    const entry = new URL('../worker.ts', import.meta.url)
    const thread = new Worker(entry, { workerData: start, transferList: [port2] })
    this.exited = once(thread, 'exit')
    RunningWorker.all.add(this)
  }

  post(command: WorkerCommand): void {
    this.#post(command)
  }

  async event<Kind extends WorkerEvent['kind']>(kind: Kind): Promise<Extract<WorkerEvent, { kind: Kind }>> {
    const found = await soon(`event ${kind}`, () => this.events.find((event) => event.kind === kind))
    return found as Extract<WorkerEvent, { kind: Kind }>
  }

  /** A reset may come before the connect is seen here; `ending` has it then, as it has a refused connect. */
  async connect(): Promise<Client> {
    const { addresses } = await this.event('listening')
    const socket = connect({ host: '127.0.0.1', port: addresses[0].address.port, allowHalfOpen: true })
    const client = new Client(socket)
    await soon('a connection', () => !socket.connecting || client.ending)
    return client
  }

  /** The records so far; `count` are waited for. */
  async recordsOf(count: number): Promise<ConnectionRecord[]> {
    await soon(`${count} records`, () => {
      this.#ring.read(1000, (record) => this.records.push(record))
      return this.records.length >= count
    })
    return this.records
  }

  async reason(): Promise<CloseReason> {
    const [record] = await this.recordsOf(1)
    return CLOSE_REASON_NAMES[record.reasonCode]
  }

  refused(reason: CloseReason): number {
    return this.counters.services[SERVICE.refused + CLOSE_REASON_CODES[reason]]
  }

  /** Everything that was taken has been given back. */
  async assertNothingLeft(): Promise<void> {
    await soon('the place to be given back', () => this.nodeWide.openConnections === 0)
    assert.equal(this.counters.services[SERVICE.open], 0)
    for (let at = 0; at < this.counters.upstreams.length; at += this.counters.upstreams.length / 4) {
      assert.equal(this.counters.upstreams[at + UPSTREAM.open], 0)
    }
    assert.equal(this.counters.worker[WORKER.spillBytes], 0)
  }
}

/** Keeps what arrives, and how it ended. */
export class Client {
  readonly socket: Socket
  bytes = Buffer.alloc(0)
  ending: string | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => (this.bytes = Buffer.concat([this.bytes, chunk])))
    socket.on('end', () => (this.ending ??= 'fin'))
    socket.on('error', (error: NodeJS.ErrnoException) => (this.ending ??= error.code))
  }

  async ended(): Promise<string | undefined> {
    return soon('the end of the stream', () => this.ending)
  }
}

export async function soon<T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadlineMs = performance.now() + DEADLINE_MS
  for (;;) {
    const found = await look()
    if (found) return found
    if (performance.now() > deadlineMs) throw new Error(`Waited in vain for ${what}`)
    await sleep(5)
  }
}
