/** What all connections of one worker share: tables, counters, log, clock, the events to control. */
import { monotonicMs } from '../../lib/clock.ts'
import { TICK_MS, TimingWheel } from '../../lib/timing-wheel.ts'
import { type Admission, workerAdmission } from '../admit/admission.ts'
import { MakeWay } from '../admit/make-way.ts'
import { OverloadGate } from '../admit/overload-gate.ts'
import { Places } from '../admit/places.ts'
import { StrikesWriter } from '../admit/strikes.ts'
import { Affinity } from '../affinity.ts'
import { Chooser } from '../balance/choose.ts'
import { Counters } from '../counters.ts'
import type { WorkerEvent, WorkerStart } from '../events.ts'
import { LogRingWriter } from '../log-ring.ts'
import { NodeWide, type MonotonicMs } from '../node-wide.ts'
import type { Service, Tables } from '../tables.ts'
import { NO_ENTRY } from '../queue/shared-queue.ts'
import { WaitingRoom } from '../queue/waiting-room.ts'
import { WorkerWakes } from '../queue/worker-wakes.ts'
import { UpstreamStates } from '../upstream-states.ts'
import type { Connection } from './connection.ts'
import { HeldBytes } from './held-bytes.ts'
import { TarPit } from './refuse.ts'
import { SILENT_SOCKETS } from './silent-sockets.ts'

/** A client that waits in a queue. */
export interface Callable {
  takeCall(): void
}

export class TrafficWorker {
  readonly start: WorkerStart
  readonly counters: Counters
  readonly nodeWide: NodeWide
  readonly states: UpstreamStates
  readonly chooser: Chooser
  readonly affinity = new Affinity()
  readonly admission: Admission
  /** The node's places, and what an overload leaves of deadlines. */
  readonly gate: OverloadGate
  /** Clients that have said nothing yet, and would have to go for others. */
  readonly makeWay: MakeWay<Connection>
  readonly places: Places<Connection>
  readonly tarPit: TarPit
  readonly wakes: WorkerWakes
  readonly room: WaitingRoom
  /** Who waits in a queue, by the number it has there. */
  readonly waiting = new Map<number, Callable>()
  readonly log: LogRingWriter
  readonly strikes: StrikesWriter
  readonly held: HeldBytes<Connection>
  readonly connections = new Set<Connection>()
  /** Of the newest connection; part of its id. */
  sequence = 0
  /** Whose turn it is among a service's source addresses. */
  sourceTurn = 0
  onEmpty: () => void = () => {}
  onOutOfFiles: (code: string) => void = () => {}
  #tables: Tables
  readonly #serviceByIndex = new Map<number, Service>()
  readonly #wheel = new TimingWheel<Connection>(monotonicMs())
  #ticking: NodeJS.Timeout | undefined
  #tickedMs: MonotonicMs = 0
  /** How late the latest tick came, since somebody set it to 0. */
  lagMs = 0

  constructor(start: WorkerStart) {
    this.start = start
    this.counters = new Counters(start.counterMemory, start.counterShape)
    this.strikes = new StrikesWriter(start.strikesMemory, this.counters)
    this.admission = workerAdmission(start, this.counters, this.strikes)
    this.nodeWide = new NodeWide(start.nodeWideMemory)
    this.gate = new OverloadGate(start, this.counters, this.nodeWide)
    this.tarPit = new TarPit(this)
    this.states = new UpstreamStates(start.upstreamStatesMemory, start.counterShape)
    this.chooser = new Chooser(this.nodeWide, this.states)
    this.wakes = new WorkerWakes(start.workerWakesMemory)
    this.room = new WaitingRoom(start.workerIndex, this.wakes, this.states, this.chooser)
    this.makeWay = new MakeWay(this.counters, this.admission, SILENT_SOCKETS)
    this.places = new Places(this)
    this.log = new LogRingWriter(start.logRingMemory)
    this.held = new HeldBytes(start.limits.spillBytesMax, this.counters)
    this.#tables = start.tables
    this.swapTables(start.tables)
  }

  get tables(): Tables {
    return this.#tables
  }

  /** For the connections to come. A service that is gone stays known while its listeners are still emptied. */
  swapTables(tables: Tables): void {
    this.#tables = tables
    this.admission.useLists(tables.lists)
    this.admission.useNetworks(tables.networks)
    for (const service of tables.services) this.#serviceByIndex.set(service.index, service)
  }

  service(index: number): Service | undefined {
    return this.#serviceByIndex.get(index)
  }

  add(connection: Connection): void {
    this.connections.add(connection)
    if (this.#ticking !== undefined) return
    this.#tick()
    // libuv looks at timers before sockets: after a stop or a long turn, bytes and connects that were there in time would
    // be heard of too late. An immediate runs after both.
    this.#ticking = setInterval(() => setImmediate(() => this.#tick()), TICK_MS)
  }

  /** Its place for the next client; called once, by the connection's end. */
  remove(connection: Connection): void {
    this.#wheel.cancel(connection)
    this.held.release(connection)
    this.connections.delete(connection)
    if (connection.isListed) this.makeWay.forget(connection)
    if (!connection.hasPassedPlaceOn) this.nodeWide.givePlaceBack()
    this.admission.giveSourcePlacesBack(connection.addressHandle, connection.prefixHandle, connection.asnHandle)
    connection.givePlacesBack('both')
    if (this.connections.size > 0) return
    clearInterval(this.#ticking)
    this.#ticking = undefined
    this.#tickedMs = 0
    this.onEmpty()
  }

  /** Each call is answered once: by a dial, or by going back to wait. */
  takeCalls(): void {
    for (let owner = this.room.nextCalled(); owner !== NO_ENTRY; owner = this.room.nextCalled()) {
      const called = this.waiting.get(owner)
      if (called === undefined) throw new Error('A client was called that does not wait')
      called.takeCall()
    }
  }

  /** To be called where a deadline comes nearer; one that moves away is noticed when the old one is due. */
  schedule(connection: Connection): void {
    if (!this.connections.has(connection)) return
    this.#wheel.schedule(connection, connection.deadlineMs())
  }

  #tick(): void {
    const nowMs = monotonicMs()
    if (this.#tickedMs !== 0) this.lagMs = Math.max(this.lagMs, nowMs - this.#tickedMs - TICK_MS)
    this.#tickedMs = nowMs
    this.#wheel.advance(nowMs, (connection) => {
      if (connection.deadlineMs() <= nowMs) connection.expire(nowMs)
      else this.schedule(connection)
    })
  }

  report(event: WorkerEvent): void {
    this.start.port.postMessage(event)
  }

  reportInternalError(error: unknown): void {
    const { message, stack } = error instanceof Error ? error : new Error(String(error))
    this.report({ kind: 'internal-error', message, stack: stack ?? '' })
  }
}
