/**
 * Steps 4 and 5 of 6, after hello, before relay: picks an upstream address and connects, the next one on failure;
 * waits for a place first where all are taken (wait.ts).
 * Meanwhile the client is read, a little, because only a socket that is read tells that its client has left.
 */
import { connect, type Socket } from 'node:net'
import { constants } from 'node:os'
import { monotonicMs } from '../../lib/clock.ts'
import { UPSTREAM, UPSTREAM_STRIDE } from '../counters.ts'
import { ATTEMPT_TIMED_OUT } from '../log-ring.ts'
import type { MonotonicMs } from '../node-wide.ts'
import { noteConnectFailure } from '../outlier.ts'
import { WAITS, WANT_REASONS } from '../queue/waiting-room.ts'
import type { Candidate } from '../tables.ts'
import { isOutOfFiles } from './accept-pause.ts'
import type { Connection } from './connection.ts'
import { errnoOf } from './failure.ts'
import { Relay } from './relay.ts'
import { ignoreError } from './reset.ts'
import { setKeepAlive, STREAM_OPTIONS } from './socket-options.ts'
import { Station } from './station.ts'
import { Wait } from './wait.ts'

/** A client that sends more before an upstream is connected is not read until then. */
export const EARLY_BYTES_MAX = 64 * 1024

/** bind says EADDRINUSE where connect says EADDRNOTAVAIL: no port of that address is free. */
const NO_SOURCE_PORT = new Set(['EADDRNOTAVAIL', 'EADDRINUSE'])

interface Attempt {
  readonly candidate: Candidate
  readonly socket: Socket
  readonly startedMs: MonotonicMs
  /** Local addresses to try when this one has no port left. */
  readonly sourcesLeft: readonly string[]
}

export class Dial extends Station {
  readonly kind = 'dial'
  readonly #connection: Connection
  readonly #wait: Wait
  #attempt: Attempt | undefined
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
    this.#dial(candidate, sourcesFor(candidate, this.#connection), monotonicMs())
  }

  #giveUp(why: number): void {
    const unreachable = this.#lackedSourcePort ? 'no-source-port' : 'upstream-unreachable'
    this.#connection.end(WANT_REASONS.get(why) ?? unreachable, this.#connection.service.onFailure)
  }

  #dial(candidate: Candidate, sources: readonly string[], startedMs: MonotonicMs): void {
    const { address, port } = candidate.address
    const [localAddress, ...sourcesLeft] = sources
    const options = { ...STREAM_OPTIONS, host: address, port, ...(localAddress === undefined ? {} : { localAddress }) }
    const attempt = { candidate, socket: connect(options), startedMs, sourcesLeft }
    this.#attempt = attempt
    const ifCurrent = (step: () => void): void => {
      if (this.#attempt === attempt) this.#connection.guard(step)
    }
    attempt.socket.on('connect', () => ifCurrent(() => this.#takeConnectOrEcho(attempt)))
    attempt.socket.on('error', (error: NodeJS.ErrnoException) => ifCurrent(() => this.#takeRefusal(attempt, error)))
  }

  /** On our own machine a connect may be given the dialled port as its own, and end in itself [RFC 9293 3.5]: nobody listens. */
  #takeConnectOrEcho(attempt: Attempt): void {
    const { localPort, remotePort, localAddress, remoteAddress } = attempt.socket
    if (localPort !== remotePort || localAddress !== remoteAddress) return this.#takeConnected(attempt)
    attempt.socket.resetAndDestroy()
    this.#rememberFailure(attempt.candidate)
    this.#noteFailure(attempt, constants.errno.ECONNREFUSED)
    this.#dialNext()
  }

  #takeConnected({ candidate, socket, startedMs }: Attempt): void {
    this.#attempt = undefined
    const { worker, service, clientEnd } = this.#connection
    const { addressIndex, upstreamIndex } = candidate
    worker.affinity.remember(service, clientEnd.address, 0, clientEnd.family, addressIndex, monotonicMs())
    this.#connection.upstream = socket
    this.#connection.candidate = candidate
    this.#connection.connectMs = monotonicMs() - startedMs
    worker.states.forgetFailures(upstreamIndex)
    worker.counters.countConnect(upstreamIndex, this.#connection.connectMs)
    worker.counters.upstreams[upstreamIndex * UPSTREAM_STRIDE + UPSTREAM.open] += 1
    if (worker.nodeWide.failedUntilMs(addressIndex) !== 0) worker.nodeWide.forgetFailure(addressIndex)
    setKeepAlive(socket, service.upstreamSocket)
    worker.held.remove(this.#connection, this.#earlyBytes)
    this.#connection.attach('upstream', socket)
    this.#connection.enter(new Relay(this.#connection, socket, this.#early, this.#clientHasEnded))
  }

  #takeRefusal(attempt: Attempt, error: NodeJS.ErrnoException): void {
    if (NO_SOURCE_PORT.has(error.code ?? '')) return this.#takeLackOfPort(attempt, error)
    if (isOutOfFiles(error.code)) return this.#takeShortage(attempt, error)
    this.#rememberFailure(attempt.candidate)
    this.#noteFailure(attempt, errnoOf(error))
    this.#dialNext()
  }

  /** Each source address has its own ports. The upstream has not been asked yet, so this is still the same attempt. */
  #takeLackOfPort(attempt: Attempt, error: NodeJS.ErrnoException): void {
    discard(attempt.socket)
    if (attempt.sourcesLeft.length > 0) return this.#dial(attempt.candidate, attempt.sourcesLeft, attempt.startedMs)
    this.#lackedSourcePort = true
    this.#noteFailure(attempt, errnoOf(error))
    this.#dialNext()
  }

  /** The next upstream would need what we don't have either. */
  #takeShortage(attempt: Attempt, error: NodeJS.ErrnoException): void {
    this.#connection.worker.onOutOfFiles(error.code as string)
    this.#noteFailure(attempt, errnoOf(error))
    this.#connection.end('out-of-memory')
  }

  #rememberFailure({ addressIndex, upstreamIndex }: Candidate): void {
    const { service, worker } = this.#connection
    noteConnectFailure(worker.states, service, upstreamIndex, monotonicMs())
    if (service.retryFailedAfterMs === 0) return
    worker.nodeWide.rememberFailure(addressIndex, monotonicMs() + service.retryFailedAfterMs)
  }

  #noteFailure({ candidate, socket, startedMs }: Attempt, error: number): void {
    this.#attempt = undefined
    discard(socket)
    const { worker, failedAttempts } = this.#connection
    worker.counters.upstreams[candidate.upstreamIndex * UPSTREAM_STRIDE + UPSTREAM.connectFailures] += 1
    this.#connection.givePlacesBack('upstream')
    failedAttempts.push({
      upstreamIndex: candidate.upstreamIndex,
      upstreamAddressIndex: candidate.addressIndex,
      error,
      durationMs: Math.round(monotonicMs() - startedMs),
    })
  }

  deadlineMs(): MonotonicMs {
    if (this.#attempt === undefined) return this.#wait.deadlineMs()
    return this.#attempt.startedMs + this.#connection.service.connectTimeoutMs
  }

  override expire(): void {
    if (this.#wait.isOn) return this.#connection.end('queue-timeout', this.#connection.service.onFailure)
    if (this.#attempt === undefined) return
    this.#rememberFailure(this.#attempt.candidate)
    this.#noteFailure(this.#attempt, ATTEMPT_TIMED_OUT)
    this.#dialNext()
  }

  override leave(): void {
    this.#wait.leave()
    if (this.#attempt !== undefined) discard(this.#attempt.socket)
    this.#attempt = undefined
  }

  /** No attempt that failed: it says nothing about the address, and nothing of the client has gone there. */
  override dialAnother(): void {
    this.leave()
    this.#connection.givePlacesBack('upstream')
    this.#dialNext()
  }

  override take(_side: 'client', bytes: Buffer): void {
    this.#early.push(bytes)
    this.#earlyBytes += bytes.length
    if (this.#earlyBytes >= EARLY_BYTES_MAX) this.#connection.client.pause()
    this.#connection.worker.held.add(this.#connection, bytes.length)
  }

  /** A client may send its whole request and finish; one that finishes without a byte has left. */
  override takeEnd(): void {
    if (this.#earlyBytes === 0) this.#connection.end('client-left')
    else this.#clientHasEnded = true
  }

  override takeFailure(): void {
    this.#connection.end('client-left')
  }
}

/** Those of the candidate's family, from the one whose turn it is; none leaves the choice to the kernel. */
function sourcesFor({ address }: Candidate, { service, worker }: Connection): readonly string[] {
  const ofFamily = service.sourceAddresses.filter(({ family }) => family === address.family)
  const sources = ofFamily.map((source) => source.address)
  if (sources.length < 2) return sources
  const first = worker.sourceTurn++ % sources.length
  return [...sources.slice(first), ...sources.slice(0, first)]
}

function discard(socket: Socket): void {
  socket.on('error', ignoreError)
  socket.destroy()
}
