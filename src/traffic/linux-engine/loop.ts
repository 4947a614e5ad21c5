/** What one worker's epoll loop owns: clock, buffers, pools, counters. Every step gets it as its first argument. */
import { receiveMessageOnPort } from 'node:worker_threads'
import { monotonicMs } from '../../lib/clock.ts'
import { ProxyHeaderSource, WRITTEN_HEADER_BYTES_MAX } from '../../lib/proxy-protocol/encode.ts'
import { TimingWheel } from '../../lib/timing-wheel.ts'
import { Epoll } from '../../kernel/epoll.ts'
import { IoRing } from '../../kernel/io-ring.ts'
import { addressOf } from '../../kernel/libc.ts'
import { lowBytes } from '../../kernel/low-memory.ts'
import { PipePool } from '../../kernel/pipe-pool.ts'
import { SocketAddressSlot } from '../../kernel/socket-address.ts'
import { TcpInfo } from '../../kernel/tcp-info.ts'
import { workerAdmission } from '../admit/admission.ts'
import type { Admission, Source } from '../admit/admission.ts'
import { MakeWay } from '../admit/make-way.ts'
import { OverloadGate } from '../admit/overload-gate.ts'
import { Places } from '../admit/places.ts'
import { StrikesWriter } from '../admit/strikes.ts'
import { tarpitPlaces } from '../admit/tarpit-places.ts'
import { Affinity } from '../affinity.ts'
import { Chooser } from '../balance/choose.ts'
import { Counters } from '../counters.ts'
import type { WorkerCommand, WorkerEvent, WorkerStart } from '../events.ts'
import { LogRingWriter } from '../log-ring.ts'
import { NodeWide } from '../node-wide.ts'
import type { LogConnections } from '../tables.ts'
import { WaitingRoom } from '../queue/waiting-room.ts'
import { WorkerWakes } from '../queue/worker-wakes.ts'
import { UpstreamStates } from '../upstream-states.ts'
import { Batch } from './batch.ts'
import type { UpstreamClosing } from './close-upstream.ts'
import { ConnectionPool, FLAG } from './connection.ts'
import type { Connection, Half } from './connection.ts'
import { HedgePool } from './hedge-pool.ts'
import { Listeners } from './listeners.ts'
import type { LookUnderWay } from './look-at-connections.ts'
import { SilentHalves } from './silent-halves.ts'
import { SPILL_BYTES_MAX, SpillPool } from './spill-pool.ts'
import { TarPit } from './tar-pit.ts'

/** Slots beyond connectionsMax: those freed in a turn are not used again before its end. */
const SLACK_SLOTS = 4096

export class Loop {
  readonly start: WorkerStart
  readonly epoll = new Epoll()
  readonly pool: ConnectionPool
  /** Undefined where the kernel gives no io_uring: every connection then makes its own calls. */
  readonly batch: Batch | undefined
  /** Why there is no ring although one was wanted. */
  readonly ringProblem: string | undefined
  readonly #ring: IoRing | undefined
  readonly hedges = new HedgePool()
  readonly pipes: PipePool
  /** Refused clients that are kept waiting. */
  readonly tarPit: TarPit
  readonly spills: SpillPool
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
  readonly wakes: WorkerWakes
  readonly room: WaitingRoom
  readonly logRing: LogRingWriter
  readonly strikes: StrikesWriter
  readonly wheel: TimingWheel<Connection>
  readonly tcpInfo = new TcpInfo()
  /** Filled by accept4 with the client, and by getsockname with our own end. */
  readonly peerAddress = new SocketAddressSlot()
  readonly localAddress = new SocketAddressSlot()
  readonly proxyHeader = new ProxyHeaderSource()
  /** Who asks to be admitted; filled anew for each question. */
  readonly source: { -readonly [Key in keyof Source]: Source[Key] } = {
    addressBytes: this.peerAddress.bytes,
    addressAt: 0,
    family: 4,
  }
  /** Every read goes here first, behind room for a PROXY header. */
  readonly buffer = lowBytes(WRITTEN_HEADER_BYTES_MAX + SPILL_BYTES_MAX)
  readonly bufferAt = addressOf(this.buffer)
  /** Halves that are gone on with in the next turn: edge-triggered epoll does not name them again. Two lists in turn, so that none is made anew. */
  #unfinished: Half[] = []
  #unfinishedBefore: Half[] = []
  /** Upstreams whose connections are being ended, oldest command first. */
  readonly upstreamClosings: UpstreamClosing[] = []
  /** The slot that closeBanned looks at next; -1 when it has nothing to do. */
  nextBanLook = -1
  /** The slot that lookAtDeadlines looks at next; -1 when it has nothing to do. */
  nextDeadlineLook = -1
  /** What control asks of the open connections, the oldest first. */
  readonly looks: LookUnderWay[] = []
  readonly listeners = new Listeners()
  logConnections: LogConnections
  /** Read once per turn. */
  nowMs = monotonicMs()
  /** What the last wait has told of. */
  turnEvents = 0
  /** Clients refused at accept, since the start. */
  refusals = 0
  openConnections = 0
  sequence = 0
  nextSource = 0
  /** Accepting is paused until then; 0 when it is not. */
  pausedUntilMs = 0
  housekeepingDueMs = 0
  /** Of the longest turn since the last housekeeping. */
  longestTurnMs = 0
  /** When that turn was over. */
  longestTurnEndMs = 0
  /** Turns in a row whose wait had as many events as it can tell. */
  fullTurns = 0
  draining = false
  hasWarnedOfDrop = false
  ended = false

  constructor(start: WorkerStart) {
    this.start = start
    this.pool = new ConnectionPool(start.limits.connectionsMax + SLACK_SLOTS)
    const ring = start.ioUring ? IoRing.open() : undefined
    this.#ring = ring instanceof IoRing ? ring : undefined
    this.ringProblem = typeof ring === 'string' ? ring : undefined
    this.batch = this.#ring === undefined ? undefined : new Batch(this.#ring)
    this.tarPit = new TarPit(tarpitPlaces(start))
    this.pipes = new PipePool(start.limits.pipesMax)
    this.spills = new SpillPool(start.limits.spillBytesMax)
    this.counters = new Counters(start.counterMemory, start.counterShape)
    this.strikes = new StrikesWriter(start.strikesMemory, this.counters)
    this.admission = workerAdmission(start, this.counters, this.strikes)
    this.nodeWide = new NodeWide(start.nodeWideMemory)
    this.gate = new OverloadGate(start, this.counters, this.nodeWide)
    this.states = new UpstreamStates(start.upstreamStatesMemory, start.counterShape)
    this.chooser = new Chooser(this.nodeWide, this.states)
    this.wakes = new WorkerWakes(start.workerWakesMemory)
    this.room = new WaitingRoom(start.workerIndex, this.wakes, this.states, this.chooser)
    this.makeWay = new MakeWay(this.counters, this.admission, new SilentHalves(this))
    this.places = new Places(this)
    this.logRing = new LogRingWriter(start.logRingMemory)
    this.wheel = new TimingWheel<Connection>(this.nowMs)
    this.logConnections = start.tables.logConnections
  }

  /** Goes on with this half in the next turn, after everyone else had one. */
  comeBackTo(half: Half): void {
    if (half.has(FLAG.unfinished)) return
    half.flags |= FLAG.unfinished
    this.#unfinished.push(half)
  }

  get hasUnfinished(): boolean {
    return this.#unfinished.length > 0
  }

  /** The halves to go on with in this turn; the caller empties the list. */
  takeUnfinished(): Half[] {
    const taken = this.#unfinished
    this.#unfinished = this.#unfinishedBefore
    this.#unfinishedBefore = taken
    return taken
  }

  closeRing(): void {
    this.#ring?.close()
  }

  tell(event: WorkerEvent): void {
    this.start.port.postMessage(event)
  }

  nextCommand(): WorkerCommand | undefined {
    return receiveMessageOnPort(this.start.port)?.message as WorkerCommand | undefined
  }
}
