/**
 * Step 6 of 6, after dial: moves bytes both ways until both sides are done.
 * A direction holds at most what one read brought, unwritten, and one read behind it: 128 KiB.
 */
import type { Socket } from 'node:net'
import { monotonicMs } from '../../lib/clock.ts'
import { SERVICE, SERVICE_STRIDE } from '../counters.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { Connection } from './connection.ts'
import { reasonOfFailure } from './failure.ts'
import { Flush } from './flush.ts'
import { proxyHeaderFor } from './proxy-header-out.ts'
import { Station, type Side } from './station.ts'
import { hasWireRules } from '../wire/wire-rules.ts'
import { WireLooks, type WireSight } from './wire-looks.ts'

export class Relay extends Station {
  readonly kind = 'relay'
  readonly #connection: Connection
  readonly #toUpstream: Flow
  readonly #toClient: Flow
  #early: readonly Buffer[]
  #clientHasEnded: boolean
  #firstEnded: Side | undefined
  /** When a byte last moved. */
  #activeMs = monotonicMs()
  readonly #looks: WireLooks | undefined

  /** `early` is what the client sent before; with `clientHasEnded` nothing comes after it. */
  constructor(connection: Connection, upstream: Socket, early: readonly Buffer[], clientHasEnded: boolean) {
    super()
    this.#connection = connection
    this.#toUpstream = new Flow(connection, connection.client, upstream, 'bytesToUpstream')
    this.#toClient = new Flow(connection, upstream, connection.client, 'bytesToClient')
    this.#looks = hasWireRules(connection.service.protect) ? new WireLooks(connection, this.#activeMs) : undefined
    this.#early = early
    this.#clientHasEnded = clientHasEnded
  }

  /** The header goes out whether or not the client has sent anything: the upstream may be the one to speak first. */
  override start(): void {
    const header = proxyHeaderFor(this.#connection, this.#early)
    const first = header === undefined ? this.#early : [header, ...this.#early]
    this.#early = []
    this.#connection.client.resume()
    if (first.length > 0) this.#toUpstream.carry(joined(first), header?.length ?? 0)
    if (this.isSilent) this.#connection.worker.makeWay.note(this.#connection)
    if (this.#clientHasEnded) this.takeEnd('client')
  }

  override get isSilent(): boolean {
    return this.#connection.bytesToUpstream + this.#toUpstream.waitingStreamBytes === 0
  }

  override get activeMs(): MonotonicMs {
    return this.#activeMs
  }

  override take(side: Side, bytes: Buffer): void {
    this.#activeMs = monotonicMs()
    if (side === 'client' && this.#looks !== undefined) this.#looks.reads++
    if (side === 'upstream' && this.#connection.firstByteMs === -1) {
      this.#connection.firstByteMs = this.#activeMs - this.#connection.startedMs
    }
    this.#flowFrom(side).carry(bytes)
  }

  override takeDrain(side: Side): void {
    if (this.#flowTo(side).moveOn()) this.#activeMs = monotonicMs()
  }

  override takeEnd(side: Side): void {
    this.#activeMs = monotonicMs()
    this.#firstEnded ??= side
    this.#flowFrom(side).finish()
    this.#connection.worker.schedule(this.#connection)
  }

  override takeFinish(side: Side): void {
    // No drain is told of once the end is asked for.
    this.#flowTo(side).moveOn()
    if (this.#firstEnded === undefined || !this.#toUpstream.isFinished || !this.#toClient.isFinished) return
    this.#connection.end(`${this.#firstEnded}-closed`, 'close')
  }

  /** What the failed side had sent still goes to the other, then that one is reset. */
  override takeFailure(side: Side, error: NodeJS.ErrnoException): void {
    this.#connection.enter(new Flush(this.#connection, this.#flowFrom(side), reasonOfFailure(side, error)))
  }

  #flowFrom(side: Side): Flow {
    return side === 'client' ? this.#toUpstream : this.#toClient
  }

  #flowTo(side: Side): Flow {
    return side === 'client' ? this.#toClient : this.#toUpstream
  }

  deadlineMs(): MonotonicMs {
    return Math.min(this.#idleDueMs(), this.#looks?.dueMs ?? Infinity)
  }

  #idleDueMs(): MonotonicMs {
    const { idleTimeoutMs, halfClosedTimeoutMs } = this.#connection.service
    const { state } = this.#connection.worker.gate
    const timeoutMs = this.#firstEnded === undefined ? state.idleMs(idleTimeoutMs) : halfClosedTimeoutMs
    return timeoutMs === 0 ? Infinity : this.#activeMs + timeoutMs
  }

  override expire(nowMs: MonotonicMs): void {
    if (this.#idleDueMs() <= nowMs) {
      return this.#connection.end(this.#idleReason(nowMs))
    }
    const reason = this.#looks?.look(this.#sight(nowMs))
    if (reason !== undefined) this.#connection.end(reason)
  }

  #idleReason(nowMs: MonotonicMs): 'half-closed-timeout' | 'idle-timeout' | 'overload-idle' {
    if (this.#firstEnded !== undefined) return 'half-closed-timeout'
    const { idleTimeoutMs } = this.#connection.service
    return idleTimeoutMs !== 0 && nowMs >= this.#activeMs + idleTimeoutMs ? 'idle-timeout' : 'overload-idle'
  }

  #sight(nowMs: MonotonicMs): WireSight {
    const { bytesToUpstream, bytesToClient } = this.#connection
    return {
      nowMs,
      activeMs: this.#activeMs,
      isHalfClosed: this.#firstEnded !== undefined,
      fromClient: bytesToUpstream + this.#toUpstream.waitingStreamBytes,
      fromUpstream: bytesToClient + this.#toClient.waitingStreamBytes,
      waitingForUpstream: this.#toUpstream.waitingStreamBytes,
      waitingForClient: this.#toClient.waitingStreamBytes,
    }
  }
}

function joined(buffers: readonly Buffer[]): Buffer {
  return buffers.length === 1 ? buffers[0] : Buffer.concat(buffers)
}

/** 8 Mbit/s: who is slower may lose the end of what came before a reset (flush.ts). */
const RECEIVER_BYTES_PER_MS = 1024
/** What Linux keeps for a receiver at most, unless told otherwise [tcp(7), tcp_wmem]. */
const KERNEL_BYTES_MAX = 4 * 1024 * 1024

/** The bytes from one socket to the other. A source is paused as long as its receiver's kernel buffer is full. */
export class Flow {
  readonly from: Socket
  readonly to: Socket
  readonly #connection: Connection
  readonly #count: 'bytesToUpstream' | 'bytesToClient'
  readonly #countAt: number
  /** Handed to `to`, not taken by the kernel: the stream's bytes, and all of them with a PROXY header in front. */
  waitingStreamBytes = 0
  #waitingBytes = 0
  /** When a receiver that takes RECEIVER_BYTES_PER_MS has all that the kernel took for it. */
  deliveredMs: MonotonicMs = 0

  constructor(connection: Connection, from: Socket, to: Socket, count: 'bytesToUpstream' | 'bytesToClient') {
    this.#connection = connection
    this.from = from
    this.to = to
    this.#count = count
    this.#countAt = connection.service.index * SERVICE_STRIDE + SERVICE[count]
  }

  /** `headerBytes` of the bytes are ours, not the stream's. */
  carry(bytes: Buffer, headerBytes = 0): void {
    // It has failed, and its error is on the way.
    if (this.to.destroyed) return
    this.to.write(bytes)
    // Not write's own answer, which is of the moment before the kernel took the bytes.
    if (this.to.writableLength === 0) return this.#countMoved(bytes.length - headerBytes)
    this.from.pause()
    this.waitingStreamBytes += bytes.length - headerBytes
    this.#waitingBytes += bytes.length
    this.#connection.worker.held.add(this.#connection, bytes.length)
  }

  /** The kernel has taken everything; false when nothing was waiting. */
  moveOn(): boolean {
    if (this.#waitingBytes === 0) return false
    this.#connection.worker.held.remove(this.#connection, this.#waitingBytes)
    this.#countMoved(this.waitingStreamBytes)
    this.waitingStreamBytes = 0
    this.#waitingBytes = 0
    this.from.resume()
    return true
  }

  #countMoved(bytes: number): void {
    const nowMs = monotonicMs()
    const deliveredMs = Math.max(this.deliveredMs, nowMs) + bytes / RECEIVER_BYTES_PER_MS
    this.deliveredMs = Math.min(deliveredMs, nowMs + KERNEL_BYTES_MAX / RECEIVER_BYTES_PER_MS)
    this.#connection[this.#count] += bytes
    this.#connection.worker.counters.services[this.#countAt] += bytes
  }

  /** What was read and not carried because the receiver was slow: node:net keeps it although the socket has failed. */
  carryRest(): void {
    const rest: Buffer | null = this.from.read()
    if (rest !== null) this.carry(rest)
  }

  /** Sends the FIN on, behind everything that waits. */
  finish(): void {
    this.to.end()
  }

  get isFinished(): boolean {
    return this.to.writableFinished
  }
}
