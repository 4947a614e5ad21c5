/**
 * Somebody was banned: every open connection of a client that is banned by now ends with a reset, in slices of a loop
 * turn so that the others keep moving. Control has written the table of bans before it sends the command, so one look at
 * all connections does for any number of bans; who comes meanwhile is refused at the door.
 */
import { addressAt, STAGE } from './connection.ts'
import type { Connection } from './connection.ts'
import { endWithReset } from './end.ts'
import { guarded } from './guard.ts'
import type { Step } from './guard.ts'
import type { Loop } from './loop.ts'

/** Each closes two sockets: about a millisecond for all of them. */
const ENDS_PER_TURN_MAX = 128
/** A look at a slot that is free is one read of memory, at an open one a lookup: half a millisecond for all of them. */
const LOOKS_PER_TURN_MAX = 4_096

/** One slice. */
export function closeBanned(loop: Loop): void {
  const { all } = loop.pool
  const until = Math.min(all.length, loop.nextBanLook + LOOKS_PER_TURN_MAX)
  for (let ends = 0; loop.nextBanLook < until && ends < ENDS_PER_TURN_MAX;) {
    const connection = all[loop.nextBanLook++]
    if (!isOpen(connection) || !isBanned(loop, connection)) continue
    ends++
    guarded(loop, connection, 0, endBanned)
  }
  if (loop.nextBanLook >= all.length) loop.nextBanLook = -1
}

/** A connection in `resetting` is over in moments. */
function isOpen({ stage }: Connection): boolean {
  return stage !== STAGE.free && stage !== STAGE.resetting
}

function isBanned(loop: Loop, connection: Connection): boolean {
  const { source } = loop
  source.addressBytes = loop.pool.clientAddresses
  source.addressAt = addressAt(connection)
  source.family = connection.clientFamily
  return loop.admission.isBanned(source, loop.nowMs)
}

const endBanned: Step = (loop, connection) => endWithReset(loop, connection, 'banned')
