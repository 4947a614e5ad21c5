/**
 * Step 5 of 6, after balance, before relay: connects to one candidate after the other until one answers.
 * The first bytes (PROXY header, what the client has said) go out in first-bytes.ts.
 */
import { bind, close, connect, E, EPOLL, errno, getsockname, MSG, recv, SOCK, socket } from '../../kernel/libc.ts'
import type { Fd } from '../../kernel/libc.ts'
import type { NativeSocketAddress } from '../../kernel/socket-address.ts'
import { closeWithReset, OPTION, setInteger, takeSocketError } from '../../kernel/socket-option.ts'
import type { CloseReason } from '../close-reason.ts'
import { SERVICE, UPSTREAM, UPSTREAM_STRIDE } from '../counters.ts'
import { ATTEMPT_TIMED_OUT } from '../log-ring.ts'
import { noteConnectFailure } from '../outlier.ts'
import { WAITS, WANT_REASONS } from '../queue/waiting-room.ts'
import { addressAt, FLAG, NUMBER, NUMBERS, STAGE } from './connection.ts'
import type { Connection } from './connection.ts'
import { closeHalf, endUnserved, endWithReset } from './end.ts'
import { isOwnWant, isShortage } from './failure.ts'
import { beginRelay } from './first-bytes.ts'
import { firstLookMs } from './first-look.ts'
import { goOnWithHedge, overtakeHedge } from './hedge.ts'
import type { Loop } from './loop.ts'
import { applyOptions } from './service-plan.ts'
import { chooseOrWait, clientHash, knownPlace } from './wait.ts'
import { register } from './watch.ts'

/** Tries candidates until a connect is under way or the client waits for a place, or ends the connection. */
export function dial(loop: Loop, connection: Connection): void {
  connection.stage = STAGE.dial
  while (!isAnswered(loop, connection, choose(loop, connection)));
}

/** The same for a client that has waited and got a candidate, or NONE. */
export function dialChosen(loop: Loop, connection: Connection, choice: number): void {
  connection.stage = STAGE.dial
  if (!isAnswered(loop, connection, choice)) dial(loop, connection)
}

function choose(loop: Loop, connection: Connection): number {
  const { service } = connection.plan
  if (service.queue.max > 0) return chooseOrWait(loop, connection)
  const known = knownPlace(loop, connection)
  return loop.chooser.choose(service, connection.failedAttempts, clientHash(loop, connection), loop.nowMs, known)
}

/** False when the candidate failed at once, and the next is to be tried. */
function isAnswered(loop: Loop, connection: Connection, choice: number): boolean {
  if (choice === WAITS) return true
  if (choice < 0) {
    giveUp(loop, connection, choice)
    return true
  }
  connection.candidate = choice
  connection.hasUpstreamPlace = true
  connection.attempts++
  loop.pool.numbers[connection.slot * NUMBERS + NUMBER.dialledMs] = loop.nowMs
  const code = startConnect(loop, connection, connection.plan.candidates[choice])
  if (code === 0) {
    if (connection.plan.service.hedgeAfterMs > 0) lookWhenHedgeIsDue(loop, connection)
    return true
  }
  noteFailedAttempt(loop, connection, code)
  if (!isShortage(code)) return false
  endWithReset(loop, connection, 'out-of-memory')
  return true
}

/** Or before: most deadlines of a dial are found by the look that its connection has from its start. */
function lookWhenHedgeIsDue(loop: Loop, connection: Connection): void {
  const { service } = connection.plan
  loop.wheel.schedule(connection, Math.min(firstLookMs(loop, service), loop.nowMs + service.hedgeAfterMs))
}

function rememberPlace(loop: Loop, connection: Connection, addressIndex: number): void {
  const { service } = connection.plan
  if (service.affinity === null) return
  const { clientAddresses } = loop.pool
  const at = addressAt(connection)
  loop.affinity.remember(service, clientAddresses, at, connection.clientFamily, addressIndex, loop.nowMs)
}

/** 0 when the connect is under way, else the errno; no fd is left behind then. */
function startConnect(loop: Loop, connection: Connection, target: NativeSocketAddress): number {
  const { upstream } = connection
  const fd = openConnect(loop, connection, target)
  if (fd < 0) return -fd
  upstream.fd = fd
  upstream.flags = 0
  const watched = register(loop, upstream, true)
  if (watched !== 0) closeHalf(upstream, close)
  return watched
}

/** A socket whose connect is under way, or minus the errno. */
export function openConnect(loop: Loop, connection: Connection, target: NativeSocketAddress): Fd {
  const fd = socket(target.family, SOCK.stream | SOCK.nonblock | SOCK.cloexec, 0)
  if (fd < 0) return -errno()
  const { plan } = connection
  if (speaksAtOnce(loop, connection)) setInteger(fd, OPTION.quickAck, 0)
  if (plan.upstreamOptions.length > 0) applyOptions(fd, plan.upstreamOptions)
  const code = plan.sources.length === 0 ? connectTo(fd, target) : connectFromSources(loop, connection, fd, target)
  if (code === 0) return fd
  close(fd)
  return -code
}

/**
 * Bytes will follow the handshake at once, and its last ACK can ride on them: a segment less for each connection.
 * Never while the upstream may have to speak first: it would get that ACK 40 ms late.
 */
function speaksAtOnce(loop: Loop, connection: Connection): boolean {
  if (connection.plan.service.mode !== 'raw' || connection.client.spill !== null) return true
  return recv(connection.client.fd, loop.bufferAt, 1, MSG.peek) > 0
}

function connectTo(fd: Fd, target: NativeSocketAddress): number {
  if (connect(fd, target.at, target.bytes) === 0) return 0
  const code = errno()
  return code === E.EINPROGRESS ? 0 : code
}

/** Each source address has its own range of ports: the next one is tried while the kernel finds none free. */
function connectFromSources(loop: Loop, connection: Connection, fd: Fd, target: NativeSocketAddress): number {
  const { sources } = connection.plan
  let code: number = E.EADDRNOTAVAIL
  for (let i = 0; i < sources.length; i++) {
    const source = sources[loop.nextSource++ % sources.length]
    if (source.family !== target.family) continue
    code = bindAndConnect(fd, source, target)
    if (code !== E.EADDRNOTAVAIL) return code
  }
  return code
}

function bindAndConnect(fd: Fd, source: NativeSocketAddress, target: NativeSocketAddress): number {
  // The port is then chosen at connect, by the whole 4-tuple, and not reserved for all targets at bind.
  setInteger(fd, OPTION.bindAddressNoPort, 1)
  if (bind(fd, source.at, source.bytes) !== 0) return errno()
  return connectTo(fd, target)
}

/** An event of the upstream's socket while its connect is under way. */
export function onUpstreamWhileDialling(loop: Loop, connection: Connection, events: number): void {
  if ((events & (EPOLL.err | EPOLL.hup)) !== 0) {
    const code = takeSocketError(connection.upstream.fd)
    return nextAttempt(loop, connection, code === 0 ? E.ECONNRESET : code)
  }
  if ((events & EPOLL.out) === 0) return
  // Nobody listens there, and the port would be taken when somebody wants to: refused.
  const { upstream, candidate } = connection
  if (hasMetItself(loop, connection, upstream.fd, candidate))
    return nextAttempt(loop, connection, E.ECONNREFUSED, closeWithReset)
  connected(loop, connection)
}

export function hasMetItself(loop: Loop, { plan }: Connection, fd: Fd, candidate: number): boolean {
  if (!plan.mayMeetItself[candidate]) return false
  const local = loop.localAddress
  local.reset()
  return getsockname(fd, local.at, local.lengthAt) === 0 && local.equals(plan.candidates[candidate])
}

export function dialTimedOut(loop: Loop, connection: Connection): void {
  nextAttempt(loop, connection, ATTEMPT_TIMED_OUT)
}

function nextAttempt(loop: Loop, connection: Connection, code: number, closeSocket: (fd: Fd) => void = close): void {
  noteFailedAttempt(loop, connection, code)
  closeHalf(connection.upstream, closeSocket)
  dialNext(loop, connection)
}

/** To be called when the dial under way is given up. */
export function dialNext(loop: Loop, connection: Connection): void {
  if (connection.hedge === null) dial(loop, connection)
  else goOnWithHedge(loop, connection, connection.hedge)
}

export function connected(loop: Loop, connection: Connection): void {
  const { slot, upstream, plan, candidate } = connection
  const { addressIndex, upstreamIndex } = plan.service.candidates[candidate]
  const numbers = loop.pool.numbers
  const at = slot * NUMBERS
  const connectMs = loop.nowMs - numbers[at + NUMBER.dialledMs]
  numbers[at + NUMBER.connectMs] = connectMs
  if (connection.hedge !== null) overtakeHedge(loop, connection, connection.hedge)
  if (upstream.has(FLAG.hedged)) loop.counters.services[plan.countersAt + SERVICE.hedgesWon] += 1
  upstream.flags |= FLAG.writable
  if (loop.nodeWide.failedUntilMs(addressIndex) !== 0) loop.nodeWide.forgetFailure(addressIndex)
  rememberPlace(loop, connection, addressIndex)
  loop.states.forgetFailures(upstreamIndex)
  loop.counters.countConnect(upstreamIndex, connectMs)
  loop.counters.upstreams[upstreamIndex * UPSTREAM_STRIDE + UPSTREAM.open] += 1
  beginRelay(loop, connection)
}

function noteFailedAttempt(loop: Loop, connection: Connection, code: number): void {
  connection.hasUpstreamPlace = false
  const dialledMs = loop.pool.numbers[connection.slot * NUMBERS + NUMBER.dialledMs]
  noteFailure(loop, connection, connection.candidate, dialledMs, code)
}

/** Of a dial, whose place at its upstream is given back. */
export function noteFailure(loop: Loop, connection: Connection, place: number, dialledMs: number, code: number): void {
  const { service } = connection.plan
  const { addressIndex, upstreamIndex } = service.candidates[place]
  loop.counters.upstreams[upstreamIndex * UPSTREAM_STRIDE + UPSTREAM.connectFailures] += 1
  loop.states.giveUpstreamPlaceBack(upstreamIndex)
  loop.room.noteFreed(service)
  listAttempt(loop, connection, place, dialledMs, code)
  if (code === E.EADDRNOTAVAIL) connection.lackedSourcePort = true
  if (isOwnWant(code)) return
  const { retryFailedAfterMs } = service
  noteConnectFailure(loop.states, service, upstreamIndex, loop.nowMs)
  if (retryFailedAfterMs > 0) loop.nodeWide.rememberFailure(addressIndex, loop.nowMs + retryFailedAfterMs)
}

/** For the log, and so that it is not tried again. */
export function listAttempt(loop: Loop, connection: Connection, place: number, dialledMs: number, error: number): void {
  const { addressIndex, upstreamIndex } = connection.plan.service.candidates[place]
  const durationMs = Math.round(loop.nowMs - dialledMs)
  connection.failedAttempts ??= []
  connection.failedAttempts.push({ upstreamIndex, upstreamAddressIndex: addressIndex, error, durationMs })
}

function giveUp(loop: Loop, connection: Connection, why: number): void {
  endUnserved(loop, connection, WANT_REASONS.get(why) ?? unreachable(connection))
}

function unreachable(connection: Connection): CloseReason {
  return connection.lackedSourcePort ? 'no-source-port' : 'upstream-unreachable'
}
