/**
 * An upstream went down and its service says `onDown: close`: every connection to it ends with a reset, in slices of a
 * loop turn so that the others keep moving. Control has written why into upstream-states.ts before it sends the command,
 * so no new client chooses it meanwhile; with `whenAllDown: try-all` some may, and may be ended with the rest.
 */
import { close } from '../../kernel/libc.ts'
import { STAGE } from './connection.ts'
import type { Connection } from './connection.ts'
import { dialNext } from './dial.ts'
import { closeHalf, endWithReset } from './end.ts'
import { guarded } from './guard.ts'
import type { Step } from './guard.ts'
import { dropHedge } from './hedge-pool.ts'
import type { Loop } from './loop.ts'

/** Each closes two sockets: about a millisecond for all of them. */
const ENDS_PER_TURN_MAX = 128
/** A look at a connection that is not concerned is two reads of memory. */
const LOOKS_PER_TURN_MAX = 16_384

/** What is left to do of one command. */
export interface UpstreamClosing {
  readonly upstreamIndex: number
  nextSlot: number
}

/** One slice, of the oldest command. */
export function closeUpstreams(loop: Loop): void {
  const closing = loop.upstreamClosings[0]
  const { all } = loop.pool
  const until = Math.min(all.length, closing.nextSlot + LOOKS_PER_TURN_MAX)
  for (let ends = 0; closing.nextSlot < until && ends < ENDS_PER_TURN_MAX;) {
    const connection = all[closing.nextSlot++]
    if (!isConcerned(connection, closing.upstreamIndex)) continue
    ends++
    guarded(loop, connection, closing.upstreamIndex, leaveUpstream)
  }
  if (closing.nextSlot >= all.length) loop.upstreamClosings.shift()
}

/** A connection in `resetting` is over in moments; what its upstream had sent is still being delivered. */
function isConcerned(connection: Connection, upstreamIndex: number): boolean {
  const { stage, hasUpstreamPlace } = connection
  if (!hasUpstreamPlace || (stage !== STAGE.relay && stage !== STAGE.dial)) return false
  return isAt(connection, connection.candidate, upstreamIndex) || hedgesAt(connection, upstreamIndex)
}

function hedgesAt(connection: Connection, upstreamIndex: number): boolean {
  return connection.hedge !== null && isAt(connection, connection.hedge.candidate, upstreamIndex)
}

function isAt({ plan }: Connection, candidate: number, upstreamIndex: number): boolean {
  return plan.service.candidates[candidate].upstreamIndex === upstreamIndex
}

const leaveUpstream: Step = (loop, connection, upstreamIndex) => {
  if (connection.stage === STAGE.relay) return endWithReset(loop, connection, 'upstream-down')
  if (hedgesAt(connection, upstreamIndex)) {
    dropHedge(loop, connection)
    // Another may take its place.
    loop.wheel.schedule(connection, loop.nowMs)
  }
  if (isAt(connection, connection.candidate, upstreamIndex)) dialAnother(loop, connection)
}

/** No attempt that failed: it says nothing about the address, and nothing of the client has gone there. */
function dialAnother(loop: Loop, connection: Connection): void {
  const { plan, candidate, upstream } = connection
  loop.states.giveUpstreamPlaceBack(plan.service.candidates[candidate].upstreamIndex)
  connection.hasUpstreamPlace = false
  loop.room.noteFreed(plan.service)
  closeHalf(upstream, close)
  dialNext(loop, connection)
}
