/**
 * Steps 4 and 5 of 6, after hello, before relay: picks an upstream address and connects, the next one on failure;
 * waits for a place first where all are taken (wait.ts).
 * Meanwhile the client is read, a little, because only a socket that is read tells that its client has left.
 */
import { constants } from 'node:os'
import { monotonicMs } from '../../lib/clock.ts'
import { SERVICE, SERVICE_STRIDE, UPSTREAM, UPSTREAM_STRIDE } from '../counters.ts'
import { chooseHedge, giveHedgePlacesBack, nextHedgeTryMs } from '../hedging.ts'
import { ATTEMPT_OVERTAKEN, ATTEMPT_TIMED_OUT } from '../log-ring.ts'
import type { MonotonicMs } from '../node-wide.ts'
import { noteConnectFailure } from '../outlier.ts'
import { WAITS, WANT_REASONS } from '../queue/waiting-room.ts'
import type { Candidate } from '../tables.ts'
import { isOutOfFiles } from './accept-pause.ts'
import { type Attempt, connectTo, discard, lacksSourcePort, sourcesFor } from './attempt.ts'
import type { Connection } from './connection.ts'
import { errnoOf } from './failure.ts'
import { Relay } from './relay.ts'
import { setKeepAlive } from './socket-options.ts'
import { Station } from './station.ts'
import { Wait } from './wait.ts'

/** A client that sends more before an upstream is connected is not read until then. */
export const EARLY_BYTES_MAX = 64 * 1024

export class Dial extends Station {
  readonly kind = 'dial'
  readonly #connection: Connection
  readonly #wait: Wait
  #first: Attempt | undefined
  /** Beside the first, when that one is silent; its places are its own (hedging.ts). */
  #hedge: Attempt | undefined
  /** Nobody could be dialled beside the first before. */
  #noHedgeBeforeMs: MonotonicMs = 0
  readonly #early: Buffer[] = []
  #earlyBytes = 0
  #clientHasEnded = false
  #lackedSourcePort = false

  constructor(connection: Connection) {
    super()
    this.#connection = connection
    this.#wait = new Wait(connection, this)
  }

  override start(): void {
    this.#connection.client.resume()
    this.#dialNext()
  }

  #dialNext(): void {
    const place = this.#wait.choose()
    if (place !== WAITS) this.#dialChosen(place)
  }

  /** The client waited, and was called. */
  takeCall(): void {
    this.#connection.guard(() => {
      const place = this.#wait.answer()
      if (place === WAITS) return
      this.#dialChosen(place)
      this.#connection.worker.schedule(this.#connection)
    })
  }

  #dialChosen(place: number): void {
    if (place < 0) return this.#giveUp(place)
    this.#connection.attempts++
    const candidate = this.#connection.service.candidates[place]
    this.#connection.upstreamPlaceAt = candidate.upstreamIndex
    this.#noHedgeBeforeMs = 0
    this.#first = this.#dial(candidate, false)
    if (this.#connection.service.hedgeAfterMs > 0) this.#connection.worker.schedule(this.#connection)
  }

  #giveUp(why: number): void {
    const unreachable = this.#lackedSourcePort ? 'no-source-port' : 'upstream-unreachable'
    this.#connection.end(WANT_REASONS.get(why) ?? unreachable, this.#connection.service.onFailure)
  }

  #dial(candidate: Candidate, isHedge: boolean): Attempt {
    const startedMs = monotonicMs()
    const [source, ...sourcesLeft] = sourcesFor(candidate, this.#connection)
    const attempt = { candidate, startedMs, socket: connectTo(candidate, source), sourcesLeft, isHedge }
    this.#listenTo(attempt)
    return attempt
  }

  #listenTo(attempt: Attempt): void {
    const { socket } = attempt
    const ifCurrent = (step: () => void): void => {
      const isCurrent = attempt.socket === socket && (attempt === this.#first || attempt === this.#hedge)
      if (isCurrent) this.#connection.guard(step)
    }
    socket.on('connect', () => ifCurrent(() => this.#takeConnectOrEcho(attempt)))
    socket.on('error', (error: NodeJS.ErrnoException) => ifCurrent(() => this.#takeRefusal(attempt, error)))
  }

  /** On our own machine a connect may be given the dialled port as its own, and end in itself [RFC 9293 3.5]: nobody listens. */
  #takeConnectOrEcho(attempt: Attempt): void {
    const { localPort, remotePort, localAddress, remoteAddress } = attempt.socket
    if (localPort !== remotePort || localAddress !== remoteAddress) return this.#takeConnected(attempt)
    attempt.socket.resetAndDestroy()
    this.#rememberFailure(attempt.candidate)
    this.#noteFailure(attempt, constants.errno.ECONNREFUSED)
    this.#goOn()
  }

  #takeConnected(winner: Attempt): void {
    this.#overtake(winner)
    this.#first = undefined
    const { candidate, socket, startedMs } = winner
    const { worker, service, clientEnd } = this.#connection
    const { addressIndex, upstreamIndex } = candidate
    worker.affinity.remember(service, clientEnd.address, 0, clientEnd.family, addressIndex, monotonicMs())
    this.#connection.upstream = socket
    this.#connection.candidate = candidate
    this.#connection.connectMs = monotonicMs() - startedMs
    worker.states.forgetFailures(upstreamIndex)
    worker.counters.countConnect(upstreamIndex, this.#connection.connectMs)
    worker.counters.upstreams[upstreamIndex * UPSTREAM_STRIDE + UPSTREAM.open] += 1
    if (winner.isHedge) worker.counters.services[service.index * SERVICE_STRIDE + SERVICE.hedgesWon] += 1
    if (worker.nodeWide.failedUntilMs(addressIndex) !== 0) worker.nodeWide.forgetFailure(addressIndex)
    setKeepAlive(socket, service.upstreamSocket)
    worker.held.remove(this.#connection, this.#earlyBytes)
    this.#connection.attach('upstream', socket)
    this.#connection.enter(new Relay(this.#connection, socket, this.#early, this.#clientHasEnded))
  }

  /** The other one is closed, and has not failed. What is left is the first. */
  #overtake(winner: Attempt): void {
    const [first, hedge] = [this.#first, this.#hedge]
    if (first === undefined || hedge === undefined) return
    const loser = winner === first ? hedge : first
    this.#listAttempt(loser, ATTEMPT_OVERTAKEN)
    if (loser === hedge) return this.#dropHedge()
    discard(loser.socket)
    this.#connection.givePlacesBack('upstream')
    this.#goOnWithHedge(hedge)
  }

  #takeRefusal(attempt: Attempt, error: NodeJS.ErrnoException): void {
    if (lacksSourcePort(error)) return this.#takeLackOfPort(attempt, error)
    if (isOutOfFiles(error.code)) return this.#takeShortage(attempt, error)
    this.#rememberFailure(attempt.candidate)
    this.#noteFailure(attempt, errnoOf(error))
    this.#goOn()
  }

  /** Each source address has its own ports. The upstream has not been asked yet, so this is still the same attempt. */
  #takeLackOfPort(attempt: Attempt, error: NodeJS.ErrnoException): void {
    discard(attempt.socket)
    const [source, ...sourcesLeft] = attempt.sourcesLeft
    if (source !== undefined) {
      attempt.sourcesLeft = sourcesLeft
      attempt.socket = connectTo(attempt.candidate, source)
      return this.#listenTo(attempt)
    }
    if (attempt === this.#hedge) return this.#dropHedgeForWant()
    this.#lackedSourcePort = true
    this.#noteFailure(attempt, errnoOf(error))
    this.#goOn()
  }

  /** The next upstream would need what we don't have either. */
  #takeShortage(attempt: Attempt, error: NodeJS.ErrnoException): void {
    this.#connection.worker.onOutOfFiles(error.code as string)
    if (attempt === this.#hedge) return this.#dropHedgeForWant()
    this.#noteFailure(attempt, errnoOf(error))
    this.#connection.end('out-of-memory')
  }

  #rememberFailure({ addressIndex, upstreamIndex }: Candidate): void {
    const { service, worker } = this.#connection
    noteConnectFailure(worker.states, service, upstreamIndex, monotonicMs())
    if (service.retryFailedAfterMs === 0) return
    worker.nodeWide.rememberFailure(addressIndex, monotonicMs() + service.retryFailedAfterMs)
  }

  /** It failed, and is neither the first nor the hedge any more. */
  #noteFailure(attempt: Attempt, error: number): void {
    const { upstreamIndex } = attempt.candidate
    const { worker } = this.#connection
    worker.counters.upstreams[upstreamIndex * UPSTREAM_STRIDE + UPSTREAM.connectFailures] += 1
    this.#listAttempt(attempt, error)
    if (attempt === this.#hedge) return this.#dropHedge()
    this.#first = undefined
    discard(attempt.socket)
    this.#connection.givePlacesBack('upstream')
  }

  /** For the log, and so that it is not tried again. */
  #listAttempt({ candidate, startedMs }: Attempt, error: number): void {
    const { upstreamIndex, addressIndex } = candidate
    const durationMs = Math.round(monotonicMs() - startedMs)
    this.#connection.failedAttempts.push({ upstreamIndex, upstreamAddressIndex: addressIndex, error, durationMs })
  }

  /** Another dial in place of one that is over. */
  #goOn(): void {
    // The first has been silent for long enough: the next hedge is due.
    if (this.#first !== undefined) return this.#startHedge()
    if (this.#hedge === undefined) return this.#dialNext()
    this.#goOnWithHedge(this.#hedge)
  }

  /** The hedge is the first now, with its own time from its own start. */
  #goOnWithHedge(hedge: Attempt): void {
    this.#hedge = undefined
    this.#first = hedge
    this.#connection.upstreamPlaceAt = hedge.candidate.upstreamIndex
    this.#connection.worker.nodeWide.givePlaceBack()
    this.#connection.worker.schedule(this.#connection)
  }

  #startHedge(): void {
    if (this.#first === undefined) return
    const { worker, service, failedAttempts } = this.#connection
    const hedged = {
      service,
      first: this.#first.candidate,
      failed: failedAttempts,
      clientHash: this.#connection.clientHash(),
      known: this.#wait.knownPlace(),
    }
    const place = chooseHedge(worker, hedged, monotonicMs())
    if (place < 0) return this.#hedgeLater()
    this.#connection.attempts++
    worker.counters.services[service.index * SERVICE_STRIDE + SERVICE.hedges] += 1
    this.#hedge = this.#dial(service.candidates[place], true)
  }

  #hedgeLater(): void {
    this.#noHedgeBeforeMs = nextHedgeTryMs(this.#connection.service, monotonicMs())
    this.#connection.worker.schedule(this.#connection)
  }

  /** The first one goes on, and may not need what we lack. */
  #dropHedgeForWant(): void {
    this.#dropHedge()
    this.#connection.attempts--
    this.#hedgeLater()
  }

  #dropHedge(): void {
    const hedge = this.#hedge
    if (hedge === undefined) return
    this.#hedge = undefined
    discard(hedge.socket)
    giveHedgePlacesBack(this.#connection.worker, this.#connection.service, hedge.candidate)
  }

  deadlineMs(): MonotonicMs {
    if (this.#first === undefined) return this.#wait.deadlineMs()
    const { connectTimeoutMs } = this.#connection.service
    return Math.min(this.#first.startedMs + connectTimeoutMs, this.#hedgeDueMs(this.#first))
  }

  /** A hedge under way needs no deadline: it began after the first, and when that one's time is over it is the first. */
  #hedgeDueMs({ startedMs }: Attempt): MonotonicMs {
    const { hedgeAfterMs } = this.#connection.service
    if (hedgeAfterMs === 0 || this.#hedge !== undefined) return Infinity
    return Math.max(startedMs + hedgeAfterMs, this.#noHedgeBeforeMs)
  }

  override expire(nowMs: MonotonicMs): void {
    if (this.#wait.isOn) return this.#connection.end('queue-timeout', this.#connection.service.onFailure)
    const first = this.#first
    if (first === undefined) return
    if (first.startedMs + this.#connection.service.connectTimeoutMs > nowMs) return this.#startHedge()
    this.#rememberFailure(first.candidate)
    this.#noteFailure(first, ATTEMPT_TIMED_OUT)
    this.#goOn()
  }

  override leave(): void {
    this.#wait.leave()
    this.#dropHedge()
    if (this.#first !== undefined) discard(this.#first.socket)
    this.#first = undefined
  }

  override isDialling(upstreamIndex: number): boolean {
    return [this.#first, this.#hedge].some((attempt) => attempt?.candidate.upstreamIndex === upstreamIndex)
  }

  /** No attempt that failed: it says nothing about the address, and nothing of the client has gone there. */
  override dialAnother(upstreamIndex: number): void {
    if (this.#hedge?.candidate.upstreamIndex === upstreamIndex) this.#dropHedge()
    const first = this.#first
    if (first?.candidate.upstreamIndex !== upstreamIndex) return
    this.#first = undefined
    discard(first.socket)
    this.#connection.givePlacesBack('upstream')
    this.#goOn()
  }

  override take(_side: 'client', bytes: Buffer): void {
    this.#early.push(bytes)
    this.#earlyBytes += bytes.length
    if (this.#earlyBytes >= EARLY_BYTES_MAX) this.#connection.client.pause()
    this.#connection.worker.held.add(this.#connection, bytes.length)
  }

  /**
   * A client may send its whole request and finish; one that finishes without a byte has left. But not before the other
   * events of this turn: an upstream that is connected already has seen it, and would never hear who that was.
   */
  override takeEnd(): void {
    this.#clientHasEnded = true
    if (this.#earlyBytes > 0) return
    setImmediate(() => {
      if (this.#connection.stationKind === 'dial') this.#connection.guard(() => this.takeFailure())
    })
  }

  override takeFailure(): void {
    this.#connection.end('client-left')
  }
}
