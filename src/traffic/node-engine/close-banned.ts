/** Somebody was banned: open connections of clients that are banned by now end, in slices so that the others keep moving. */
import { monotonicMs } from '../../lib/clock.ts'
import type { Connection } from './connection.ts'
import { sourceOf } from './endpoint.ts'
import type { TrafficWorker } from './traffic-worker.ts'

const LOOKS_PER_TURN_MAX = 512

export function closeBanned(worker: TrafficWorker): void {
  lookAtSlice(worker, [...worker.connections], 0)
}

function lookAtSlice(worker: TrafficWorker, connections: readonly Connection[], from: number): void {
  const nowMs = monotonicMs()
  for (const connection of connections.slice(from, from + LOOKS_PER_TURN_MAX)) {
    if (worker.admission.isBanned(sourceOf(connection.clientEnd), nowMs)) connection.end('banned')
  }
  const next = from + LOOKS_PER_TURN_MAX
  if (next < connections.length) setImmediate(() => lookAtSlice(worker, connections, next))
}
