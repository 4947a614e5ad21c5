/**
 * What is true of this node now, for those who only look: metrics, the admin API, the log of refused clients.
 * Everything comes from shared memory and the tables; asking costs the workers nothing.
 */
import { monotonicMs } from '../lib/clock.ts'
import { CLOSE_REASON_NAMES, type CloseReason } from '../traffic/close-reason.ts'
import { SERVICE } from '../traffic/counters.ts'
import type { EngineName } from '../traffic/events.ts'
import { SharedQueue } from '../traffic/queue/shared-queue.ts'
import type { Service, Tables, Upstream } from '../traffic/tables.ts'
import { WANTED } from '../traffic/upstream-states.ts'
import type { NodeLimits } from './limits/node-limits.ts'
import type { BusyRatios } from './workers/busy-ratios.ts'
import type { SharedMemory } from './workers/shared-memory.ts'

/** `ready` is: all listeners of all workers are open. */
export type NodeState = 'starting' | 'ready' | 'draining'

export interface NodeView {
  readonly version: string
  readonly startedAtMs: number
  readonly engine: EngineName
  readonly limits: NodeLimits
  readonly memory: SharedMemory
  readonly busy: BusyRatios
  readonly state: () => NodeState
  readonly tables: () => Tables
  /** Lines that never reached stdout; records that never reached control are in the workers' counters. */
  readonly logLinesDropped: () => number
}

/** How many clients, by reason; reasons that never happened are left out. */
export type CountByReason = Partial<Record<CloseReason, number>>

export function closedByReason(memory: SharedMemory, service: Service): CountByReason {
  return countsFrom(memory, service, SERVICE.closed)
}

export function refusedByReason(memory: SharedMemory, service: Service): CountByReason {
  return countsFrom(memory, service, SERVICE.refused)
}

function countsFrom(memory: SharedMemory, service: Service, place: number): CountByReason {
  const counts: CountByReason = {}
  CLOSE_REASON_NAMES.forEach((reason, code) => {
    const count = memory.serviceSum(service.index, place + code)
    if (count > 0) counts[reason] = count
  })
  return counts
}

/** False while it is down or ejected, and while every address of it has failed within retryFailedAfter, or it has none. */
export function isUpstreamUp(memory: SharedMemory, service: Service, upstream: Upstream): boolean {
  const nowMs = monotonicMs()
  if (memory.states.isDown(upstream.index, nowMs)) return false
  return service.candidates.some(
    ({ upstreamIndex, addressIndex }) =>
      upstreamIndex === upstream.index && memory.nodeWide.failedUntilMs(addressIndex) <= nowMs,
  )
}

/**
 * True while checks and failures leave no upstream, and whenAllDown says what becomes of clients. Not where nobody may
 * be used in the first place: that is an operator's will.
 */
export function areAllDown({ states }: SharedMemory, service: Service): boolean {
  const nowMs = monotonicMs()
  const wanted = service.upstreams.filter(({ index, share }) => share.weight > 0 && states.wanted(index) === WANTED.up)
  return wanted.length > 0 && wanted.every(({ index }) => states.isDown(index, nowMs))
}

/** Clients in the queue of the service. */
export function waitingIn({ queue }: Service): number {
  return queue.memory === undefined ? 0 : new SharedQueue(queue.memory).count
}
