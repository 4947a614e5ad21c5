/**
 * Part of step 5: a second dial beside one that has not answered for `hedgeAfter` (../hedging.ts says to whom).
 *
 * The hedge has a socket, an epoll key and a start of its own, and becomes the connection's upstream by handing these
 * over. It has no deadline: it began after the first, and when that one's time is over it is the first itself.
 */
import { close, E, EPOLL } from '../../kernel/libc.ts'
import type { Fd } from '../../kernel/libc.ts'
import { closeWithReset, takeSocketError } from '../../kernel/socket-option.ts'
import { NONE } from '../balance/choose.ts'
import { SERVICE } from '../counters.ts'
import { chooseHedge, giveHedgePlacesBack, nextHedgeTryMs } from '../hedging.ts'
import type { HedgedDial } from '../hedging.ts'
import { ATTEMPT_OVERTAKEN } from '../log-ring.ts'
import { FLAG, NUMBER, NUMBERS } from './connection.ts'
import type { Connection } from './connection.ts'
import { connected, hasMetItself, listAttempt, noteFailure, openConnect } from './dial.ts'
import { closeHalf, endWithReset } from './end.ts'
import { isOwnWant } from './failure.ts'
import { guarded } from './guard.ts'
import type { Step } from './guard.ts'
import { dropHedge } from './hedge-pool.ts'
import type { Hedge } from './hedge-pool.ts'
import type { Loop } from './loop.ts'
import { clientHash, knownPlace } from './wait.ts'
import { UPSTREAM_EVENTS } from './watch.ts'

/** At a look at a dial that goes on: begins a hedge when it is time, and says when to look again. */
export function lookAtHedge(loop: Loop, connection: Connection): void {
  if (connection.hedge !== null) return
  const { service } = connection.plan
  const dialledMs = loop.pool.numbers[connection.slot * NUMBERS + NUMBER.dialledMs]
  const dueMs = dialledMs + service.hedgeAfterMs
  if (loop.nowMs >= dueMs && startHedge(loop, connection)) return
  const againMs = loop.nowMs >= dueMs ? nextHedgeTryMs(service, loop.nowMs) : dueMs
  loop.wheel.schedule(connection, Math.min(againMs, dialledMs + service.connectTimeoutMs))
}

/** True when one is under way. */
function startHedge(loop: Loop, connection: Connection): boolean {
  for (let place = choose(loop, connection); place !== NONE; place = choose(loop, connection)) {
    const code = startConnect(loop, connection, place)
    if (code === 0) return true
    if (isOwnWant(code)) {
      // The first one goes on, and may not need what we lack.
      giveHedgePlacesBack(loop, connection.plan.service, connection.plan.service.candidates[place])
      return false
    }
    countHedge(loop, connection)
    noteHedgeFailed(loop, connection, place, loop.nowMs, code)
  }
  return false
}

/** Filled anew for each choice: one for each worker, as nobody keeps it. */
const hedged = {} as { -readonly [Key in keyof HedgedDial]: HedgedDial[Key] }

function choose(loop: Loop, connection: Connection): number {
  hedged.service = connection.plan.service
  hedged.first = hedged.service.candidates[connection.candidate]
  hedged.failed = connection.failedAttempts
  hedged.clientHash = clientHash(loop, connection)
  hedged.known = knownPlace(loop, connection)
  return chooseHedge(loop, hedged, loop.nowMs)
}

/** 0 when the connect is under way, else the errno; no fd is left behind then. */
function startConnect(loop: Loop, connection: Connection, place: number): number {
  const fd = openConnect(loop, connection, connection.plan.candidates[place])
  if (fd < 0) return -fd
  const hedge = loop.hedges.take(connection, place, loop.nowMs)
  const code = loop.epoll.add(fd, UPSTREAM_EVENTS, hedge.key)
  if (code !== 0) {
    close(fd)
    loop.hedges.free(hedge)
    return code
  }
  hedge.fd = fd
  connection.hedge = hedge
  countHedge(loop, connection)
  return 0
}

function countHedge(loop: Loop, connection: Connection): void {
  connection.attempts++
  loop.counters.services[connection.plan.countersAt + SERVICE.hedges] += 1
}

/**
 * After all other events of the turn: the first dial is heard first, and no event of its socket is left when a hedge
 * closes it and its half goes on with another.
 */
export function hearHedges(loop: Loop): void {
  const { told } = loop.hedges
  for (let i = 0; i < told.length; i++) {
    const { connection, events } = told[i]
    if (connection !== null) guarded(loop, connection, events, hear)
  }
  told.length = 0
}

const hear: Step = (loop, connection, events) => {
  const { hedge } = connection
  if (hedge === null) return
  if ((events & (EPOLL.err | EPOLL.hup)) !== 0) {
    fail(loop, connection, hedge, takeSocketError(hedge.fd) || E.ECONNRESET, close)
  } else if ((events & EPOLL.out) !== 0) {
    if (hasMetItself(loop, connection, hedge.fd, hedge.candidate)) {
      fail(loop, connection, hedge, E.ECONNREFUSED, closeWithReset)
    } else win(loop, connection, hedge)
  }
}

/** The next candidate is dialled at once: the first has been silent for long enough. */
function fail(loop: Loop, connection: Connection, hedge: Hedge, code: number, closeSocket: (fd: Fd) => void): void {
  const { candidate, dialledMs } = hedge
  connection.hedge = null
  closeSocket(hedge.fd)
  loop.hedges.free(hedge)
  noteHedgeFailed(loop, connection, candidate, dialledMs, code)
  lookAtHedge(loop, connection)
}

function noteHedgeFailed(loop: Loop, connection: Connection, place: number, dialledMs: number, code: number): void {
  loop.nodeWide.givePlaceBack()
  noteFailure(loop, connection, place, dialledMs, code)
}

function win(loop: Loop, connection: Connection, hedge: Hedge): void {
  const { plan, candidate, slot } = connection
  listAttempt(loop, connection, candidate, loop.pool.numbers[slot * NUMBERS + NUMBER.dialledMs], ATTEMPT_OVERTAKEN)
  connection.hasUpstreamPlace = false
  closeHalf(connection.upstream, closeWithReset)
  loop.states.giveUpstreamPlaceBack(plan.service.candidates[candidate].upstreamIndex)
  loop.room.noteFreed(plan.service)
  if (takeOver(loop, connection, hedge)) connected(loop, connection)
}

/** The first has connected. */
export function overtakeHedge(loop: Loop, connection: Connection, hedge: Hedge): void {
  listAttempt(loop, connection, hedge.candidate, hedge.dialledMs, ATTEMPT_OVERTAKEN)
  dropHedge(loop, connection)
}

/** The first is gone: the hedge is the first now, and may get a hedge of its own. */
export function goOnWithHedge(loop: Loop, connection: Connection, hedge: Hedge): void {
  if (takeOver(loop, connection, hedge)) loop.wheel.schedule(connection, loop.nowMs)
}

/** Its socket becomes the upstream's; what epoll has told of it is told again under the new key. */
function takeOver(loop: Loop, connection: Connection, hedge: Hedge): boolean {
  const { upstream } = connection
  connection.hedge = null
  connection.candidate = hedge.candidate
  connection.hasUpstreamPlace = true
  loop.pool.numbers[connection.slot * NUMBERS + NUMBER.dialledMs] = hedge.dialledMs
  upstream.fd = hedge.fd
  upstream.flags = FLAG.inEpoll | FLAG.watchesWritable | FLAG.hedged
  loop.hedges.free(hedge)
  loop.nodeWide.givePlaceBack()
  if (loop.epoll.modify(upstream.fd, UPSTREAM_EVENTS, upstream.key) === 0) return true
  endWithReset(loop, connection, 'out-of-memory')
  return false
}
