/**
 * One connection of the node engine, from accept to close. Start here.
 *
 *   listen -> admit -> Hello ------> Dial ---------> Relay -----------> end
 *             refuse   PROXY header  next candidate  both ways, then    record, both sockets
 *             (reset)  in, if asked  on failure,     the FINs           closed, place given back
 *                      |             or a wait         |                   ^
 *                      v             in the queue      |                   |
 *                      FirstByte ----^                 |                   |
 *                      if dialOn asks                  |                   |
 *                                                      +-> Flush ----------+
 *                                     one side failed: what it had sent is delivered, then the other is reset
 *
 * It is at one station at a time; both sockets' events go to that station, which also names the next deadline.
 */
import type { Socket } from 'node:net'
import { monotonicMs } from '../../lib/clock.ts'
import { NOT_SCHEDULED, type WheelEntry } from '../../lib/timing-wheel.ts'
import { clientHash32 } from '../../lib/client-hash.ts'
import { SilentClient } from '../admit/make-way.ts'
import type { CloseReason } from '../close-reason.ts'
import type { FailedAttempt } from '../log-ring.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { Candidate, Service } from '../tables.ts'
import { UNKNOWN_ENDPOINT, type Endpoint } from './endpoint.ts'
import { dialWhenDue } from './first-byte.ts'
import { Hello } from './hello.ts'
import { countBegin, noteUseful, recordEnd, strikeEnd } from './record.ts'
import { resetSocket } from './reset.ts'
import { setKeepAlive } from './socket-options.ts'
import { Nowhere, type Side, type Station, type StationKind } from './station.ts'
import type { TrafficWorker } from './traffic-worker.ts'

const ACCEPTED = new Nowhere('accepted')
const ENDED = new Nowhere('ended')

/** What a client has when it is let in, beside its place at the node. */
export interface Admitted {
  readonly service: Service
  readonly listenerIndex: number
  readonly hasServicePlace: boolean
  /** What it has taken of its source's limits (../admit/source-table.ts). */
  readonly addressHandle: number
  readonly prefixHandle: number
  readonly asnHandle: number
  /** Who the client is by its socket. */
  readonly clientEnd: Endpoint
  /** It has to say a PROXY header. */
  readonly saysHeader: boolean
}

export class Connection extends SilentClient implements WheelEntry<Connection> {
  readonly worker: TrafficWorker
  /** As it was when the client came. */
  readonly service: Service
  readonly listenerIndex: number
  readonly client: Socket
  readonly sequence: number
  readonly startedMs: MonotonicMs
  /** Who the client is: what a believed PROXY header says, else the socket's other end. */
  clientEnd: Endpoint
  /** Where the client connected to, where a believed PROXY header says it; else the socket knows. */
  destinationEnd: Endpoint | undefined
  upstream: Socket | undefined
  /** The candidate behind `upstream`. */
  candidate: Candidate | undefined
  /** A place of the service is taken; not while it waits. */
  hasServicePlace: boolean
  /** What it has taken of its source's limits; given back when it ends. */
  addressHandle: number
  prefixHandle: number
  asnHandle: number
  /** Its turn among those who wait or have waited; 0 when it never did. */
  queueTicket = 0
  /** How long all its waits took; -1 when it never had to. */
  queueMs = -1
  /** The upstream at which a place is taken; -1 is none. */
  upstreamPlaceAt = -1
  attempts = 0
  readonly failedAttempts: FailedAttempt[] = []
  connectMs = -1
  /** From accept to the upstream's first byte; -1 before. */
  firstByteMs = -1
  /** Taken by the kernel; PROXY headers are not counted. */
  bytesToUpstream = 0
  bytesToClient = 0
  wheelNext: Connection | null = null
  wheelPrevious: Connection | null = null
  wheelBucket = NOT_SCHEDULED
  #station: Station = ACCEPTED

  private constructor(worker: TrafficWorker, admitted: Admitted, client: Socket) {
    super()
    const { service, listenerIndex, hasServicePlace, addressHandle, prefixHandle, asnHandle, clientEnd } = admitted
    this.worker = worker
    this.service = service
    this.listenerIndex = listenerIndex
    this.hasServicePlace = hasServicePlace
    this.addressHandle = addressHandle
    this.prefixHandle = prefixHandle
    this.asnHandle = asnHandle
    this.client = client
    this.sequence = ++worker.sequence
    this.startedMs = monotonicMs()
    this.clientEnd = clientEnd
  }

  /** The caller has taken places for it; the connection gives them back. */
  static begin(worker: TrafficWorker, admitted: Admitted, client: Socket): void {
    const { service } = admitted
    const connection = new Connection(worker, admitted, client)
    countBegin(connection)
    worker.add(connection)
    connection.attach('client', client)
    connection.guard(() => {
      setKeepAlive(client, service.clientSocket)
      if (connection.clientEnd === UNKNOWN_ENDPOINT) return connection.end('client-left')
      if (admitted.saysHeader) connection.enter(new Hello(connection))
      else dialWhenDue(connection, undefined)
    })
  }

  /** Sends the socket's events to the station of the moment. */
  attach(side: Side, socket: Socket): void {
    socket.on('data', (bytes: Buffer) => this.guard(() => this.#station.take(side, bytes)))
    socket.on('drain', () => this.guard(() => this.#station.takeDrain(side)))
    socket.on('end', () => this.guard(() => this.#station.takeEnd(side)))
    socket.on('finish', () => this.guard(() => this.#station.takeFinish(side)))
    socket.on('error', (error) => this.guard(() => this.#station.takeFailure(side, error)))
    socket.on('close', () => this.guard(() => this.#checkClose(side, socket)))
  }

  /** What `step` throws ends this connection and no other. */
  guard(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.worker.reportInternalError(error)
      this.end('internal-error')
    }
  }

  /** node:net closes a socket that has finished both ways, or failed. Anything else would leave the connection without an end. */
  #checkClose(side: Side, socket: Socket): void {
    if (this.hasEnded || this.#station.kind === 'flush') return
    if (socket.readableEnded && socket.writableFinished) return
    throw new Error(`The ${side}'s socket closed without an error at station ${this.#station.kind}`)
  }

  enter(station: Station): void {
    if (this.hasEnded) return
    this.#station = station
    station.start()
    this.worker.schedule(this)
  }

  /** The same for every connection of the client, on every worker. */
  clientHash(): number {
    return clientHash32(this.clientEnd.address, 0, this.clientEnd.family)
  }

  /** Both, or only that of the upstream; whoever waits is called once, when all it needs is free. */
  givePlacesBack(which: 'both' | 'upstream'): void {
    const { states, room } = this.worker
    const hasUpstreamPlace = this.upstreamPlaceAt !== -1
    const givesServicePlace = which === 'both' && this.hasServicePlace
    if (hasUpstreamPlace) states.giveUpstreamPlaceBack(this.upstreamPlaceAt)
    if (givesServicePlace) states.giveServicePlaceBack(this.service.index)
    this.upstreamPlaceAt = -1
    this.hasServicePlace &&= !givesServicePlace
    if (hasUpstreamPlace || givesServicePlace) room.noteFreed(this.service)
  }

  /** Connected to it, or about to be. One whose other side has failed is over in moments: it is at none. */
  isAtUpstream(upstreamIndex: number): boolean {
    const { kind } = this.#station
    if (kind === 'dial') return this.#station.isDialling(upstreamIndex)
    return kind === 'relay' && this.upstreamPlaceAt === upstreamIndex
  }

  /** The upstream went down: ends what is open, and sends a dial to the next one. */
  leaveUpstream(upstreamIndex: number): void {
    if (!this.isAtUpstream(upstreamIndex)) return
    if (this.#station.kind === 'relay') this.end('upstream-down')
    else this.guard(() => this.#station.dialAnother(upstreamIndex))
    this.worker.schedule(this)
  }

  /** Waited for to speak, and nothing has come of it. */
  get isSilent(): boolean {
    return this.#station.isSilent
  }

  get activeMs(): MonotonicMs {
    return this.#station.activeMs
  }

  get stationKind(): StationKind {
    return this.#station.kind
  }

  get hasEnded(): boolean {
    return this.#station === ENDED
  }

  deadlineMs(): MonotonicMs {
    return Math.min(this.#station.deadlineMs(), this.#lifetimeEndMs())
  }

  #lifetimeEndMs(): MonotonicMs {
    const { maxLifetimeMs } = this.service
    return maxLifetimeMs === 0 ? Infinity : this.startedMs + maxLifetimeMs
  }

  /** To be called when `deadlineMs` has passed. */
  expire(nowMs: MonotonicMs): void {
    this.guard(() => {
      if (this.#lifetimeEndMs() <= nowMs) this.end('lifetime')
      else this.#station.expire(nowMs)
    })
    this.worker.schedule(this)
  }

  /** Once; later calls do nothing. `reset` loses what is not written yet, `close` is for ends where nothing is. */
  end(reason: CloseReason, how: 'reset' | 'close' = 'reset'): void {
    if (this.hasEnded) return
    const station = this.#station
    this.#station = ENDED
    try {
      station.leave()
      for (const socket of [this.client, this.upstream]) {
        if (socket === undefined) continue
        if (how === 'reset') resetSocket(socket)
        else socket.destroy()
      }
      recordEnd(this, reason)
      strikeEnd(this, reason, station.kind === 'first-byte')
      noteUseful(this, reason)
    } finally {
      this.worker.remove(this)
    }
  }
}
