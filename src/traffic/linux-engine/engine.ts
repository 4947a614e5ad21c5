/**
 * The linux engine: one epoll loop in a worker thread that never goes back to Node's event loop.
 * A turn: wait, look at each event, go on with unfinished halves, look at deadlines, take commands.
 */
import { close, EFD, EPOLL, errno, errnoName, eventfd, addressOf, read } from '../../kernel/libc.ts'
import { lowBytes } from '../../kernel/low-memory.ts'
import { monotonicMs } from '../../lib/clock.ts'
import { WORKER } from '../counters.ts'
import type { WorkerCommand, WorkerStart } from '../events.ts'
import type { Tables } from '../tables.ts'
import { acceptBatch, acceptQueued, resumeAccepting } from './accept.ts'
import { refusalSentence } from './batch.ts'
import type { Batch } from './batch.ts'
import { closeBanned } from './close-banned.ts'
import { closeUpstreams } from './close-upstream.ts'
import { FLAG, STAGE } from './connection.ts'
import type { Connection, Half } from './connection.ts'
import { onDeadline } from './deadlines.ts'
import { endWithReset } from './end.ts'
import { guarded, guardedAccept } from './guard.ts'
import type { Step } from './guard.ts'
import { hearHedges } from './hedge.ts'
import { FIRST_HEDGE_KEY } from './hedge-pool.ts'
import { adopt, cancelListeners, closeListeners, commitListeners, prepareListeners } from './listeners.ts'
import { beginLook, lookAtConnections } from './look-at-connections.ts'
import { lookAtDeadlines } from './look-at-deadlines.ts'
import { Loop } from './loop.ts'
import { emptyTarPit } from './refuse.ts'
import { onEvent } from './on-event.ts'
import { pump } from './relay.ts'
import { answerCall } from './wait.ts'

/** Epoll keys below zero are not connections; listeners have those below this one, hedges those far below. */
const WAKE_KEY = -1

/** Idle pipes kept for the next bulk. */
const IDLE_PIPES_KEPT = 16
const HOUSEKEEPING_MS = 1000
/** So many turns in a row may put deadlines off because there were more events than one wait tells. */
const FULL_TURNS_MAX = 64
/** A wait that ends so late was a stop of the process or the machine: what came meanwhile is told by the next wait. */
const OVERSLEPT_MS = 250

/** Runs until control says `end`. Returns at once when a listener can't be opened, having said so. */
export function runLinuxEngine(start: WorkerStart): void {
  const loop = new Loop(start)
  const wakeFd = openWakeFd(loop)
  const addresses = prepareListeners(loop, start.tables, start.inheritedFds)
  if (addresses !== undefined) {
    commitListeners(loop)
    if (start.workerIndex === 0 && loop.ringProblem !== undefined) {
      loop.tell({ kind: 'warning', message: refusalSentence(loop.ringProblem) })
    }
    loop.tell({ kind: 'listening', wakeFd, addresses })
    const due = (connection: Connection): void => guarded(loop, connection, 0, lookAtDeadline)
    while (!loop.ended) turn(loop, wakeFd, due)
  }
  closeListeners(loop)
  loop.pipes.trim(0)
  loop.closeRing()
  loop.epoll.close()
  close(wakeFd)
  start.port.close()
}

function openWakeFd(loop: Loop): number {
  const fd = eventfd(0, EFD.nonblock | EFD.cloexec)
  if (fd < 0) throw new Error(`eventfd: ${errnoName(errno())}`)
  const code = loop.epoll.add(fd, EPOLL.in, WAKE_KEY)
  if (code !== 0) throw new Error(`epoll_ctl: ${errnoName(code)}`)
  loop.wakes.useFd(loop.start.workerIndex, fd)
  return fd
}

function turn(loop: Loop, wakeFd: number, due: (connection: Connection) => void): void {
  const timeoutMs = waitMs(loop)
  const turnMs = monotonicMs() - loop.nowMs
  loop.counters.worker[WORKER.busyMs] += turnMs
  if (turnMs > loop.longestTurnMs) noteLongest(loop, turnMs)
  const wantedMs = loop.nowMs + timeoutMs
  const events = loop.epoll.wait(timeoutMs)
  loop.turnEvents = events
  loop.nowMs = monotonicMs()
  const hasOverslept = loop.nowMs - wantedMs > OVERSLEPT_MS
  // Taken before the events: what is left unfinished in this turn waits for the next one.
  const unfinished = loop.takeUnfinished()
  const others = loop.batch === undefined ? events : batchPlain(loop, loop.batch, events)
  for (let i = 0; i < others; i++) dispatch(loop, loop.epoll.key(i), loop.epoll.events(i), wakeFd)
  if (loop.hedges.told.length > 0) hearHedges(loop)
  if (unfinished.length > 0) resumeAll(loop, unfinished)
  // With events still untold, or a stop just behind us, a connection that has bytes waiting would look idle.
  loop.fullTurns = loop.epoll.isFull(events) || hasOverslept ? loop.fullTurns + 1 : 0
  if (loop.fullTurns % FULL_TURNS_MAX === 0) loop.wheel.advance(loop.nowMs, due)
  if (loop.upstreamClosings.length > 0) closeUpstreams(loop)
  if (loop.nextBanLook >= 0) closeBanned(loop)
  if (loop.nextDeadlineLook >= 0) lookAtDeadlines(loop)
  if (loop.looks.length > 0) lookAtConnections(loop)
  resumeAccepting(loop)
  if (loop.tarPit.count > 0) emptyTarPit(loop, loop.nowMs)
  loop.pool.recycle()
  loop.hedges.recycle()
  if (loop.draining) sayDrained(loop)
  if (loop.nowMs >= loop.housekeepingDueMs) keepHouse(loop)
  countTurn(loop)
}

function noteLongest(loop: Loop, turnMs: number): void {
  loop.longestTurnMs = turnMs
  loop.longestTurnEndMs = loop.nowMs + turnMs
}

/** At the end of every turn: where all peers stall, the next one may be long in coming. */
function countTurn(loop: Loop): void {
  const { worker } = loop.counters
  worker[WORKER.loopTurns] += 1
  worker[WORKER.pipesOpen] = loop.pipes.open
  worker[WORKER.spillBytes] = loop.spills.bytesReserved
}

function waitMs(loop: Loop): number {
  if (loop.hasUnfinished || loop.upstreamClosings.length > 0 || loop.looks.length > 0) return 0
  if (loop.nextBanLook >= 0 || loop.nextDeadlineLook >= 0) return 0
  const untilResumeMs = loop.pausedUntilMs === 0 ? -1 : Math.max(1, Math.ceil(loop.pausedUntilMs - loop.nowMs))
  return soonest(soonest(loop.wheel.untilNextMs(loop.nowMs), untilResumeMs), loop.tarPit.untilNextMs(loop.nowMs))
}

/** -1 is never. */
function soonest(ms: number, otherMs: number): number {
  if (ms === -1 || otherMs === -1) return Math.max(ms, otherMs)
  return Math.min(ms, otherMs)
}

/** Moves the plain data of many connections at once; the events that are left move up, and their number is returned. */
function batchPlain(loop: Loop, batch: Batch, events: number): number {
  const { epoll } = loop
  let others = 0
  for (let i = 0; i < events; i++) {
    const key = epoll.key(i)
    if (key < 0 || !batch.take(loop, loop.pool.half(key), epoll.events(i))) epoll.moveUp(i, others++)
  }
  batch.run(loop)
  return others
}

function dispatch(loop: Loop, key: number, events: number, wakeFd: number): void {
  if (key >= 0) {
    const half = loop.pool.half(key)
    if (half.fd !== -1) guarded(loop, half.connection, events | 0, half.isClient ? onClientEvent : onUpstreamEvent)
  } else if (key === WAKE_KEY) {
    takeCommands(loop, wakeFd)
    takeCalls(loop)
  } else if (key <= FIRST_HEDGE_KEY) {
    loop.hedges.note(key, events)
  } else if (loop.pausedUntilMs === 0) {
    const open = loop.listeners.byKey(key)
    if (open !== undefined) guardedAccept(loop, open, acceptBatch)
  }
}

const onClientEvent: Step = (loop, connection, events) => onEvent(loop, connection.client, events)
const onUpstreamEvent: Step = (loop, connection, events) => onEvent(loop, connection.upstream, events)
const lookAtDeadline: Step = (loop, connection) => onDeadline(loop, connection)

const resume: Step = (loop, connection) => {
  resumeHalf(loop, connection.client)
  resumeHalf(loop, connection.upstream)
}

function resumeAll(loop: Loop, halves: Half[]): void {
  for (let i = 0; i < halves.length; i++) guarded(loop, halves[i].connection, 0, resume)
  halves.length = 0
}

function resumeHalf(loop: Loop, half: Half): void {
  if (half.connection.stage !== STAGE.relay || !half.has(FLAG.unfinished)) return
  half.flags &= ~FLAG.unfinished
  pump(loop, half)
}

const wakeCount = lowBytes(8)
const wakeCountAt = addressOf(wakeCount)

function takeCommands(loop: Loop, wakeFd: number): void {
  read(wakeFd, wakeCountAt, 8)
  for (let command = loop.nextCommand(); command !== undefined; command = loop.nextCommand()) obey(loop, command)
}

/** Each call is answered once: by a dial, or by going back to wait. */
function takeCalls(loop: Loop): void {
  for (let slot = loop.room.nextCalled(); slot >= 0; slot = loop.room.nextCalled()) {
    guarded(loop, loop.pool.all[slot], 0, answerCall)
  }
}

function obey(loop: Loop, command: WorkerCommand): void {
  switch (command.kind) {
    case 'tables':
      return adopt(loop, command.tables)
    case 'prepare':
      return prepare(loop, command.tables)
    case 'commit':
      commitListeners(loop)
      return loop.tell({ kind: 'settled' })
    case 'cancel':
      cancelListeners(loop)
      return loop.tell({ kind: 'settled' })
    case 'close-upstream':
      loop.upstreamClosings.push({ upstreamIndex: command.upstreamIndex, nextSlot: 0 })
      return
    case 'close-banned':
      loop.nextBanLook = 0
      return
    case 'look-at-deadlines':
      loop.nextDeadlineLook = 0
      return
    case 'look':
      loop.looks.push(beginLook(command.id, command.look))
      return
    case 'drain':
      loop.draining = true
      emptyTarPit(loop, Infinity)
      for (const open of loop.listeners.open) guardedAccept(loop, open, acceptQueued)
      return closeListeners(loop)
    case 'end':
      return end(loop)
  }
}

function prepare(loop: Loop, tables: Tables): void {
  const addresses = prepareListeners(loop, tables)
  if (addresses !== undefined) loop.tell({ kind: 'prepared', addresses })
}

function end(loop: Loop): void {
  closeListeners(loop)
  emptyTarPit(loop, Infinity)
  for (const connection of loop.pool.all) if (connection.stage !== STAGE.free) endWithReset(loop, connection, 'drained')
  loop.ended = true
}

function keepHouse(loop: Loop): void {
  // After a rest it is of long ago; after a turn of seconds, in which nobody kept house, it is of now.
  const isFresh = loop.nowMs - loop.longestTurnEndMs < 2 * HOUSEKEEPING_MS
  loop.counters.worker[WORKER.lagMs] = isFresh ? loop.longestTurnMs : 0
  loop.counters.worker[WORKER.acceptQueue] = fullestAcceptQueue(loop)
  loop.longestTurnMs = 0
  loop.housekeepingDueMs = loop.nowMs + HOUSEKEEPING_MS
  loop.pipes.trim(IDLE_PIPES_KEPT)
}

function fullestAcceptQueue({ listeners, tcpInfo }: Loop): number {
  let share = 0
  for (const { fd } of listeners.open) if (tcpInfo.read(fd)) share = Math.max(share, tcpInfo.acceptQueueShare)
  return share
}

function sayDrained(loop: Loop): void {
  if (loop.openConnections > 0) return
  loop.draining = false
  loop.tell({ kind: 'drained' })
}
