/** An upstream went down and its service says `onDown: close`: its connections end, in slices so that the others keep moving. */
import type { Connection } from './connection.ts'
import type { TrafficWorker } from './traffic-worker.ts'

const ENDS_PER_TURN_MAX = 128

export function closeUpstream({ connections }: TrafficWorker, upstreamIndex: number): void {
  endSlice(
    [...connections].filter((connection) => connection.isAtUpstream(upstreamIndex)),
    upstreamIndex,
  )
}

function endSlice(concerned: Connection[], upstreamIndex: number): void {
  for (const connection of concerned.splice(0, ENDS_PER_TURN_MAX)) connection.leaveUpstream(upstreamIndex)
  if (concerned.length > 0) setImmediate(() => endSlice(concerned, upstreamIndex))
}
