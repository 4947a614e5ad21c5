/** Deadlines have become shorter (overload): every connection moves to its new place in the timing wheel, in slices so that the others keep moving. */
import type { Connection } from './connection.ts'
import type { TrafficWorker } from './traffic-worker.ts'

const LOOKS_PER_TURN_MAX = 512

export function lookAtDeadlines(worker: TrafficWorker): void {
  lookAtSlice(worker, [...worker.connections], 0)
}

function lookAtSlice(worker: TrafficWorker, connections: readonly Connection[], from: number): void {
  for (const connection of connections.slice(from, from + LOOKS_PER_TURN_MAX)) worker.schedule(connection)
  const next = from + LOOKS_PER_TURN_MAX
  if (next < connections.length) setImmediate(() => lookAtSlice(worker, connections, next))
}
