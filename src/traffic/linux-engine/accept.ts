/** Steps 1 and 2 of 6: takes clients off the accept queue and says yes or no before anything is allocated for them. */
import { accept4, E, errno, errnoName, SOCK } from '../../kernel/libc.ts'
import type { Fd } from '../../kernel/libc.ts'
import { ADMITTED } from '../admit/admission.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import { SERVICE, WORKER } from '../counters.ts'
import { addressAt, FLAG, NO_REASON, NUMBER, NUMBERS, STAGE } from './connection.ts'
import type { Connection } from './connection.ts'
import { isShortage } from './failure.ts'
import { dialWhenDue } from './first-byte.ts'
import { firstLookMs } from './first-look.ts'
import { guarded } from './guard.ts'
import type { Step } from './guard.ts'
import { expectHeader, mustSayProxyHeader } from './hello.ts'
import { endLeaver } from './silent-halves.ts'
import { noteSourcePlaces } from './source-places.ts'
import type { Loop } from './loop.ts'
import { refuseSocket } from './refuse.ts'
import { startAccepting, stopAccepting } from './open-listener.ts'
import type { OpenListener } from './open-listener.ts'

/** Clients one listener takes in one turn; the relayed ones want their turn too. */
const ACCEPTS_PER_TURN_MAX = 64

/**
 * Of them, those it refuses in a turn that has little else to do. Each costs 10 µs, nearly all of it accept4 and the reset
 * that close sends, and a relayed byte waits for all of them. A turn adds 1 µs: a flood is refused 3 % more slowly than in
 * turns of 64, which keep everybody waiting for 0.7 ms.
 */
const REFUSALS_PER_TURN_LEAST = 4
/** In a busy turn one is refused for so many events. Each takes about as long as a refusal: two thirds of the turn stay theirs. */
const EVENTS_PER_REFUSAL = 2

/** How long nothing is accepted after the kernel ran out of fds or memory: clients wait in the queue, and nobody spins. */
const ACCEPT_PAUSE_MS = 100

/**
 * Accepts a batch, and refuses no more of it than leaves the others their time. Where there is much to relay it is more,
 * so that the queue, in which clients wait behind a flood, still moves.
 */
export function acceptBatch(loop: Loop, open: OpenListener): void {
  accept(loop, open, Math.max(REFUSALS_PER_TURN_LEAST, loop.turnEvents / EVENTS_PER_REFUSAL))
}

/** The batch's size follows the queue, so that the call that finds it empty is seldom made. */
function accept(loop: Loop, open: OpenListener, refusalsMax: number): void {
  const refusalsEnd = loop.refusals + refusalsMax
  for (let accepted = 0; accepted < open.batch; accepted++) {
    if (loop.refusals >= refusalsEnd) return
    const slot = loop.peerAddress
    slot.reset()
    const fd = accept4(open.fd, slot.at, slot.lengthAt, SOCK.nonblock | SOCK.cloexec)
    if (fd >= 0) {
      admit(loop, open, fd)
      continue
    }
    const code = errno()
    // A client that left while it was queued; the next one is not to blame.
    if (code === E.ECONNABORTED || code === E.EINTR || code === E.EPROTO) continue
    open.batch = Math.max(1, accepted)
    if (code !== E.EAGAIN) pauseAccepting(loop, code)
    return
  }
  open.batch = Math.min(open.batch * 2, ACCEPTS_PER_TURN_MAX)
}

/** More batches than any queue is long: a flood can't keep a drain from closing the listener. */
const QUEUED_BATCHES_MAX = 1024

/** Takes everyone the kernel has queued, before the listener is closed: closing would reset them, and they are connected. */
export function acceptQueued(loop: Loop, open: OpenListener): void {
  for (let batches = 0; batches < QUEUED_BATCHES_MAX; batches++) {
    open.batch = ACCEPTS_PER_TURN_MAX
    accept(loop, open, Infinity)
    if (open.batch < ACCEPTS_PER_TURN_MAX) return
  }
}

function admit(loop: Loop, open: OpenListener, fd: Fd): void {
  const { service } = open.plan
  const { admission, places, source } = loop
  noteSource(loop)
  const listed = admission.judgeAddress(service, source, loop.nowMs)
  if (listed !== ADMITTED) return refuse(loop, open, fd, listed)
  // A proxy in front stands anywhere and speaks for many: these rules are for the address in its header.
  const saysHeader = service.acceptProxyFrom.length > 0 && mustSayProxyHeader(service, source)
  const located = saysHeader ? ADMITTED : admission.judgeNetwork(service)
  if (located !== ADMITTED) return refuse(loop, open, fd, located)
  const placed = places.take(service, source, admission.isAllowed || saysHeader, loop.nowMs)
  if (placed !== ADMITTED) {
    refuse(loop, open, fd, placed)
    return endLeaver(loop)
  }
  if (saysHeader) admission.takeNoPlaces()
  const counted = saysHeader ? ADMITTED : admission.takeSourcePlaces(service, source, loop.nowMs)
  const connection = counted === ADMITTED ? loop.pool.take(open.plan) : undefined
  if (connection === undefined) {
    admission.giveSourcePlacesBack(admission.addressHandle, admission.prefixHandle, admission.asnHandle)
    places.giveBack(service)
    return refuse(loop, open, fd, counted === ADMITTED ? REFUSED_CEILING : counted)
  }
  connection.hasServicePlace = places.hasServicePlace
  endLeaver(loop)
  if (!saysHeader) admission.noteNewcomer(service, source, false)
  begin(loop, open, connection, fd)
  guarded(loop, connection, 0, saysHeader ? takeHeader : takeFirstStep)
}

/** The client that accept4 has just told. */
function noteSource({ source, peerAddress }: Loop): void {
  source.addressBytes = peerAddress.bytes
  source.addressAt = peerAddress.ipAt
  source.family = peerAddress.ipFamily
}

const takeHeader: Step = (loop, connection) => expectHeader(loop, connection)
const takeFirstStep: Step = (loop, connection) => dialWhenDue(loop, connection)

const REFUSED_CEILING = CLOSE_REASON_CODES['refused-ceiling']

function refuse(loop: Loop, open: OpenListener, fd: Fd, code: number): void {
  loop.counters.services[open.plan.countersAt + SERVICE.refused + code] += 1
  loop.refusals++
  loop.admission.noteNewcomer(open.plan.service, loop.source, true)
  refuseSocket(loop, open.plan.service.protect, fd)
}

function begin(loop: Loop, open: OpenListener, connection: Connection, fd: Fd): void {
  const services = loop.counters.services
  services[open.plan.countersAt + SERVICE.open] += 1
  services[open.plan.countersAt + SERVICE.total] += 1
  loop.openConnections++
  connection.stage = STAGE.dial
  connection.listenerIndex = open.listener.index
  connection.attempts = 0
  connection.candidate = -1
  connection.hasUpstreamPlace = false
  connection.queueTicket = 0
  connection.failedAttempts = null
  connection.reasonCode = NO_REASON
  connection.lackedSourcePort = false
  connection.lastingOptionsSet = false
  connection.unacknowledgedSeen = 0
  connection.destination = null
  connection.client.fd = fd
  connection.client.flags = FLAG.writable
  noteSourcePlaces(loop, connection)
  noteClient(loop, connection)
  const at = connection.slot * NUMBERS
  // A loop: fill() is a call out of the compiled code.
  for (let i = at; i < at + NUMBERS; i++) loop.pool.numbers[i] = 0
  loop.pool.numbers[at + NUMBER.startedMs] = loop.nowMs
  loop.pool.numbers[at + NUMBER.connectMs] = -1
  loop.pool.numbers[at + NUMBER.firstByteMs] = -1
  loop.pool.numbers[at + NUMBER.queueMs] = -1
  loop.pool.numbers[at + NUMBER.sequence] = ++loop.sequence
  loop.wheel.schedule(connection, firstLookMs(loop, open.plan.service))
}

function noteClient(loop: Loop, connection: Connection): void {
  const slot = loop.peerAddress
  const from = slot.ipAt
  const to = addressAt(connection)
  connection.clientFamily = slot.ipFamily
  connection.clientPort = slot.port
  const bytes = connection.clientFamily === 4 ? 4 : 16
  for (let i = 0; i < bytes; i++) loop.pool.clientAddresses[to + i] = slot.bytes[from + i]
}

function pauseAccepting(loop: Loop, code: number): void {
  for (const open of loop.listeners.open) stopAccepting(loop, open)
  loop.pausedUntilMs = loop.nowMs + ACCEPT_PAUSE_MS
  loop.counters.worker[WORKER.acceptPauses] += 1
  // A shortage comes in bursts and is counted; one that is none is worth its own line each time.
  if (!isShortage(code)) loop.tell({ kind: 'warning', message: `accept4 failed with ${errnoName(code)}` })
  loop.tell({ kind: 'accept-paused', code: errnoName(code), ms: ACCEPT_PAUSE_MS })
}

/** After the pause; called every turn. */
export function resumeAccepting(loop: Loop): void {
  if (loop.pausedUntilMs === 0 || loop.nowMs < loop.pausedUntilMs) return
  loop.pausedUntilMs = 0
  for (const open of loop.listeners.open) startAccepting(loop, open)
}
