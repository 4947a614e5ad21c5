/**
 * Deadlines have become shorter (overload): every open connection is looked at as if its turn of the timing wheel had come,
 * in slices of a loop turn so that the others keep moving. Without this it would take the wheel up to a minute.
 */
import { STAGE } from './connection.ts'
import { onDeadline } from './deadlines.ts'
import { guarded } from './guard.ts'
import type { Step } from './guard.ts'
import type { Loop } from './loop.ts'

/** Each closes two sockets: about a millisecond for all of them. */
const ENDS_PER_TURN_MAX = 128
/** Each may read TCP_INFO: some milliseconds for all of them. */
const LOOKS_PER_TURN_MAX = 1_024

/** One slice. */
export function lookAtDeadlines(loop: Loop): void {
  const { all } = loop.pool
  const until = Math.min(all.length, loop.nextDeadlineLook + LOOKS_PER_TURN_MAX)
  for (let ends = 0; loop.nextDeadlineLook < until && ends < ENDS_PER_TURN_MAX;) {
    const connection = all[loop.nextDeadlineLook++]
    if (connection.stage !== STAGE.relay && connection.stage !== STAGE.firstByte) continue
    guarded(loop, connection, 0, look)
    if ((connection.stage as number) === STAGE.free) ends++
  }
  if (loop.nextDeadlineLook >= all.length) loop.nextDeadlineLook = -1
}

const look: Step = (loop, connection) => onDeadline(loop, connection)
