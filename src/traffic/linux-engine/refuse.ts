/** What a client sees that is not let in: `protect.refuse`. Nothing was allocated for it, and nothing stays but a place in the tar pit. */
import { close, errnoName, recv } from '../../kernel/libc.ts'
import type { Fd } from '../../kernel/libc.ts'
import { closeSilently, silentCloseProblem } from '../../kernel/silent-close.ts'
import { closeWithReset, OPTION, setInteger } from '../../kernel/socket-option.ts'
import { WORKER } from '../counters.ts'
import type { ServiceProtect, Tables } from '../tables.ts'
import type { Loop } from './loop.ts'
import { SPILL_BYTES_MAX } from './spill-pool.ts'

/** Unread bytes looked at before a FIN; who has sent more than this gets a reset. */
const DISCARD_READS_MAX = 2
/** The kernel makes the least it has of it. */
const RECEIVE_BUFFER_LEAST = 1

export function refuseSocket(loop: Loop, protect: ServiceProtect, fd: Fd): void {
  switch (protect.refuse) {
    // No TIME_WAIT of ours for a client that was never served.
    case 'reset':
      return closeWithReset(fd)
    case 'close':
      return closeInOrder(loop, fd)
    case 'drop':
      return closeSilently(fd)
    case 'tarpit':
      return letWait(loop, protect, fd)
  }
}

/** A socket closed with unread bytes sends a reset instead of a FIN [RFC 1122 4.2.2.13]. */
function closeInOrder(loop: Loop, fd: Fd): void {
  for (let i = 0; i < DISCARD_READS_MAX && recv(fd, loop.bufferAt, SPILL_BYTES_MAX, 0) > 0; i++);
  close(fd)
}

function letWait(loop: Loop, { tarpitForMs }: ServiceProtect, fd: Fd): void {
  const { tarPit, nodeWide, gate } = loop
  if (loop.draining || tarPit.isFull || !nodeWide.takePlace(gate.strangersMax)) return closeWithReset(fd)
  setInteger(fd, OPTION.receiveBuffer, RECEIVE_BUFFER_LEAST)
  tarPit.keep(fd, loop.nowMs + tarpitForMs)
  loop.counters.worker[WORKER.tarpitted] = tarPit.count
}

/** Resets those whose time is over; `Infinity` is everybody's. */
export function emptyTarPit(loop: Loop, nowMs: number): void {
  const { tarPit, nodeWide } = loop
  for (let fd = tarPit.takeDue(nowMs); fd !== -1; fd = tarPit.takeDue(nowMs)) {
    closeWithReset(fd)
    nodeWide.givePlaceBack()
  }
  loop.counters.worker[WORKER.tarpitted] = tarPit.count
}

/** Once, and from one worker: what `drop` comes to without the right to it. */
export function warnOfRefusals(loop: Loop, tables: Tables): void {
  if (loop.start.workerIndex !== 0 || loop.hasWarnedOfDrop) return
  const dropping = tables.services.filter(({ protect }) => protect.refuse === 'drop')
  if (dropping.length === 0) return
  loop.hasWarnedOfDrop = true
  const code = silentCloseProblem()
  if (code === 0) return
  const names = dropping.map(({ name }) => name).join(', ')
  const message = `protect.refuse is drop (${names}), which needs CAP_NET_ADMIN (TCP_REPAIR: ${errnoName(code)}). Without it, a refused client is sent a reset that the first router throws away; one without a router between sees it.`
  loop.tell({ kind: 'warning', message })
}
